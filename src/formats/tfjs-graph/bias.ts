import { isFloatingPoint } from "../../graph/data-type.ts";
import { elementCount } from "../../graph/tensor.ts";
import { AS_IN_FILE, CHANNEL_LIST } from "./constant-layout.ts";
import { channelsLast } from "./image.ts";
import type { Operation } from "./operation.ts";
import type { ConstantUse } from "./tensor-value.ts";

const ADDITIONS: ReadonlySet<string> = new Set(["BiasAdd", "Add", "AddV2"]);

/**
 * The constant that the only reader of a convolution adds to each channel: it becomes the bias of the
 * convolution itself, as ONNX has it.
 */
export function biasBehind(operation: Operation, filters: number): ConstantUse | undefined {
  const { node, context } = operation;
  const end = context.dilations.get(node.name)?.exit ?? node.name;
  const [reader, ...others] = context.readers(end);
  if (reader === undefined || others.length > 0 || context.isOutput(end)) return undefined;
  if (!ADDITIONS.has(reader.op) || reader.inputs.length !== 2) return undefined;
  const position = reader.inputs.findIndex((input) => input.node !== end);
  const constant = reader.inputs[position] && context.constant(reader.inputs[position]);
  if (constant === undefined || !isFloatingPoint(constant.dataType)) return undefined;
  const { dims } = constant;
  const perChannel = dims.length <= 4 && dims.at(-1) === filters && elementCount(dims) === filters;
  const named = reader.op !== "BiasAdd" || dims.length === 1;
  // A list meets the last axis; where the channels are another, only BiasAdd can mean them.
  const last = channelsLast(operation);
  const fits =
    last ||
    (reader.op === "BiasAdd" && reader.attributes.word("data_format", ["NHWC", "NCHW"]) === "NCHW");
  if (!perChannel || !named || !fits) return undefined;
  context.merged.add(reader.name);
  return operation.use(constant, CHANNEL_LIST, { node: reader.name, input: position });
}

/** The place of a bias that the file goes without. */
export function absentBias(): ConstantUse {
  return { stored: undefined, layout: AS_IN_FILE, reader: undefined, value: "" };
}
