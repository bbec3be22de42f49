import { readNumbers } from "../../graph/numbers.ts";
import { elementCount } from "../../graph/tensor.ts";
import { plain } from "./activation.ts";
import type { NodeDef } from "./graph-def.ts";
import type { Operation, ReadContext } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

/**
 * A convolution between two nodes that move positions into the batch and back, which TensorFlow dilates
 * depthwise convolutions by: each block·i + j of the positions is convolved by itself. It is one dilated
 * convolution, which needs neither.
 */
export interface Dilation {
  /** The node that moves positions into the batch. */
  readonly entry: string;
  /** The node that moves them back. */
  readonly exit: string;
  /** How far apart the window's elements are, along each axis of positions. */
  readonly steps: readonly number[];
  /** Before and behind, axis by axis. */
  readonly pads: readonly number[];
}

const CONVOLUTIONS: ReadonlySet<string> = new Set(["Conv2D", "DepthwiseConv2dNative"]);

/** The convolution that reads a SpaceToBatchND alone, if only a BatchToSpaceND reads that. */
function dilationBehind(operation: Operation): [NodeDef, Dilation] | undefined {
  const { node: entry, context } = operation;
  const convolution = onlyReader(context, entry);
  const exit = convolution && onlyReader(context, convolution);
  if (convolution === undefined || !CONVOLUTIONS.has(convolution.op)) return undefined;
  if (exit?.op !== "BatchToSpaceND" || !isPlain(convolution)) return undefined;
  const [steps, back] = [numbersOf(context, entry, 1, 2), numbersOf(context, exit, 1, 2)];
  const [paddings, crops] = [numbersOf(context, entry, 2, 4), numbersOf(context, exit, 2, 4)];
  if (steps === undefined || paddings === undefined || crops === undefined) return undefined;
  // With a stride of 1, a position less in front of the result is one less in front of the input.
  const pads = paddings.map((size, index) => size - (crops[index] ?? 0));
  const sensible = steps.every((step, axis) => step >= 1 && step === back?.[axis]);
  if (!sensible || [...crops, ...pads].some((size) => size < 0)) return undefined;
  const divisible = steps.every((step, axis) => {
    const size = operation.shape(0)[axis + 1] ?? null;
    const padded = (size ?? 0) + (paddings[2 * axis] ?? 0) + (paddings[2 * axis + 1] ?? 0);
    return size === null || padded % step === 0;
  });
  if (!divisible) {
    operation.refuse(`its input of shape [${operation.shape(0)}] has no blocks of [${steps}]`);
  }
  return [convolution, { entry: entry.name, exit: exit.name, steps, pads }];
}

/** The node that is alone in reading another, as its first input. */
function onlyReader(context: ReadContext, { name }: NodeDef): NodeDef | undefined {
  const [reader, ...others] = context.readers(name);
  if (others.length > 0 || context.isOutput(name)) return undefined;
  return reader?.inputs[0]?.node === name ? reader : undefined;
}

/** Without padding, strides and dilations of its own, over channels last. */
function isPlain({ attributes }: NodeDef): boolean {
  const ones = ["strides", "dilations"].flatMap((name) => attributes.integers(name));
  return (
    attributes.word("padding", ["VALID", "SAME", "EXPLICIT"]) === "VALID" &&
    attributes.word("data_format", ["NHWC", "NCHW"]) === "NHWC" &&
    ones.every((step) => step === 1)
  );
}

function numbersOf(context: ReadContext, node: NodeDef, input: number, count: number) {
  const reference = node.inputs[input];
  const constant = reference && context.constant(reference);
  if (constant === undefined || elementCount(constant.dims) !== count) return undefined;
  return readNumbers(constant);
}

function spaceToBatch(operation: Operation): readonly TensorValue[] | undefined {
  if (operation.shape(0).length !== 4) return undefined;
  const found = dilationBehind(operation);
  if (found === undefined) return undefined;
  operation.context.dilations.set(found[0].name, found[1]);
  return [plain(operation.input(0))];
}

function batchToSpace(operation: Operation): readonly TensorValue[] | undefined {
  const { node, context } = operation;
  const dilation = context.dilations.get(node.inputs[0]?.node ?? "");
  return dilation?.exit === node.name ? [plain(operation.input(0))] : undefined;
}

export const dilationOperators: readonly OperationRule[] = [
  { operators: ["SpaceToBatchND"], build: spaceToBatch },
  { operators: ["BatchToSpaceND"], build: batchToSpace },
];
