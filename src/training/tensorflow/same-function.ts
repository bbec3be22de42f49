import type { Tensor } from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { allocateBatch, fillBatch } from "../../data/batches.ts";
import type { Dataset } from "../../data/dataset.ts";
import { encodeModel } from "../../formats/onnx/write.ts";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { requireComputed } from "../../graph/opaque-node.ts";
import { loadRuntime } from "../../runtime/onnx-runtime.ts";
import type { TensorFlowModule } from "../../runtime/tensorflow.ts";
import { withInputShape } from "../forward-part.ts";
import { trainingSession } from "../step-session.ts";
import { numbersOf } from "./tensor-step.ts";

/** Float32 through a deep network differs by less, by the order of its sums; a field passed over by more. */
const TOLERANCE = 1e-4;

/** So many samples tell two functions apart. */
const SAMPLES = 4;

export interface BuiltFromKeras {
  readonly tf: TensorFlowModule;
  readonly model: LayersModel;
  /** What Keras computes. */
  readonly graph: Graph;
  readonly dataset: Dataset;
  /** Training samples. */
  readonly rows: Int32Array;
}

/**
 * TensorFlow.js passes over fields of Keras that it does not know. So what it makes of a model has to
 * put out what the model's graph does on ONNX Runtime, on the first samples, with the file's weights.
 *
 * @throws InputError saying by how much of their size the outputs differ.
 */
export async function requireSameFunction(built: BuiltFromKeras): Promise<void> {
  const { tf, model, graph, dataset } = built;
  const rows = built.rows.toSorted().subarray(0, SAMPLES);
  const batch = allocateBatch(dataset, rows.length);
  await fillBatch(batch, dataset, rows, 0);
  const shape = [rows.length, ...dataset.sampleShape];
  const output = tf.tidy(
    () => model.apply(tf.tensor(batch.features, [...shape]), { training: false }) as Tensor,
  );
  const found = numbersOf(output);
  output.dispose();
  const expected = await onOnnxRuntime(graph, batch.features, shape);
  const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const off = found.reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (expected[index] ?? Number.NaN))),
    0,
  );
  if (off <= TOLERANCE * size && found.length === expected.length) return;
  throw new InputError(
    `TensorFlow.js computes something else from this model than Keras does: outputs differ by ${(off / size).toPrecision(2)} of their size; engine "onnxruntime" trains it`,
  );
}

async function onOnnxRuntime(graph: Graph, features: Float32Array, dims: readonly number[]) {
  requireComputed(graph);
  const runtime = await loadRuntime();
  const [input, output] = [graph.inputs[0]?.name ?? "", graph.outputs[0]?.name ?? ""];
  const bytes = encodeModel(withInputShape(graph, input, dims));
  const session = await runtime.createSession(bytes, trainingSession(1));
  try {
    const results = await session.run({ [input]: { type: "float32", dims, data: features } });
    return results[output]?.data as Float32Array;
  } finally {
    await session.release();
  }
}
