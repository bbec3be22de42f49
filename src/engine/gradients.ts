import { asModelTakes } from "../data/model-input-scaling.ts";
import { openDataset } from "../data/open-dataset.ts";
import { encodeNpz } from "../data/write-npz.ts";
import { writeWhole } from "../formats/onnx/new-file.ts";
import { asInputError } from "../formats/onnx/write.ts";
import { inTargetFolder } from "../formats/target-folder.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import type { ForwardMode } from "../operators/operator.ts";
import type { DataOptions } from "../protocol/data-options.ts";
import { type GradientReport, jsonNumber } from "../protocol/reports.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { sampleInput } from "../training/forward-part.ts";
import { LOSSES, type LossKind } from "../training/losses/table.ts";
import { modelGradients } from "../training/model-gradients.ts";
import type { RequestContext } from "./context.ts";

export interface GradientsRequest {
  /** "digits" or a path; all of it is one batch. */
  readonly data: string;
  readonly dataOptions?: Partial<DataOptions>;
  readonly loss: string;
  readonly mode: string;
  /** The .npz file that gets one array a parameter, named as in the model. */
  readonly output: string;
}

const MODES: Readonly<Record<string, ForwardMode>> = { train: "training", inference: "inference" };

/**
 * Computes a model's gradients on data and writes them into a .npz file.
 *
 * @throws InputError before the file is touched where loss, mode, model or data do not fit.
 */
export async function writeGradients(
  graph: Graph,
  { data, dataOptions, loss, mode, output }: GradientsRequest,
  { signal }: RequestContext,
): Promise<GradientReport> {
  const forwardMode = choice("--mode", mode, MODES);
  const { targetKind } = choice("--loss", loss, LOSSES);
  const input = sampleInput(graph);
  const opened = await openDataset(data, { kind: targetKind, input, options: dataOptions });
  const dataset = asModelTakes(opened, graph, input);
  const result = await modelGradients({
    graph,
    dataset,
    loss: loss as LossKind,
    mode: forwardMode,
    runtime: await loadRuntime(),
    threads: 0,
    signal,
  });
  const file = encodeNpz(result.gradients);
  await inTargetFolder(output, () => writeWhole(output, file)).catch((error: unknown) => {
    throw asInputError(error, output);
  });
  return {
    loss: jsonNumber(result.loss),
    gradients: result.gradients.map(({ name, shape, values }) => ({
      name,
      shape,
      norm: jsonNumber(length(values)),
    })),
  };
}

function choice<Value>(
  option: string,
  key: string,
  values: Readonly<Record<string, Value>>,
): Value {
  const value = Object.hasOwn(values, key) ? values[key] : undefined;
  if (value !== undefined) return value;
  throw new InputError(`${option} ${key}: one of ${Object.keys(values).join(", ")} is needed`);
}

/** √(Σ v²) in float64. */
function length(values: Float32Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}
