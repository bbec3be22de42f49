import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { afterAll } from "vitest";
import { seededRandom } from "../../../../src/data/random.ts";
import { encodeModel } from "../../../../src/formats/onnx/write.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";
import type { Tensors } from "../../../../src/runtime/runtime.ts";

export { layers, tf };

const folders: string[] = [];

/** A folder of the test's own, removed at the end. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "normlens-tfjs-"));
  folders.push(folder);
  return folder;
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** Weights that tell every channel apart, in place of zeros and ones; variances stay positive. */
export function scramble(model: layers.LayersModel, seed = 7): void {
  const random = seededRandom(seed);
  const values = model.weights.map((weight) => {
    const { shape } = weight.read();
    const size = shape.reduce((all, n) => all * n, 1);
    const positive = /variance|gamma/.test(weight.originalName);
    const draw = () =>
      positive ? 0.5 + random.uniform() : (random.uniform() - 0.5) * (size > 64 ? 0.5 : 1);
    return tf.tensor(Float32Array.from({ length: size }, draw), shape);
  });
  // setWeights takes the order of getWeights: trainable ones first.
  const order = [...model.trainableWeights, ...model.nonTrainableWeights];
  model.setWeights(order.map((weight) => values[model.weights.indexOf(weight)] as tf.Tensor));
}

export interface SaveForm {
  /** Bytes of each file of weights; one file for all where left out. */
  readonly shardBytes?: number;
}

/** Saves as TensorFlow.js' own file handler does, and tells where model.json is. */
export async function save(model: layers.LayersModel, form: SaveForm = {}): Promise<string> {
  const folder = await scratchFolder();
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      const data = new Uint8Array(artifacts.weightData as ArrayBuffer);
      const size = form.shardBytes ?? Math.max(data.length, 1);
      const count = Math.max(Math.ceil(data.length / size), 1);
      const paths = Array.from({ length: count }, (_, i) => `group1-shard${i + 1}of${count}.bin`);
      for (const [i, path] of paths.entries()) {
        await writeFile(join(folder, path), data.subarray(i * size, (i + 1) * size));
      }
      const { modelTopology, format, generatedBy, convertedBy, weightSpecs } = artifacts;
      const weightsManifest = [{ paths, weights: weightSpecs }];
      const document = { modelTopology, format, generatedBy, convertedBy, weightsManifest };
      await writeFile(join(folder, "model.json"), JSON.stringify(document));
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
  return join(folder, "model.json");
}

/** Loads the way TensorFlow.js does: every weight has to have its place, and every place its weight. */
export async function load(file: string): Promise<layers.LayersModel> {
  const document = JSON.parse(await readFile(file, "utf8"));
  const parts: Uint8Array[] = [];
  const weightSpecs: tf.io.WeightsManifestEntry[] = [];
  for (const { paths, weights } of document.weightsManifest) {
    for (const path of paths) parts.push(await readFile(join(file, "..", path)));
    weightSpecs.push(...weights);
  }
  const weightData = new Uint8Array(Buffer.concat(parts)).buffer;
  const { modelTopology } = document;
  return layers.loadLayersModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
}

export function randomInput(shape: readonly number[], seed = 3): tf.Tensor {
  const random = seededRandom(seed);
  const size = shape.reduce((all, n) => all * n, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.uniform() * 2 - 1),
    [...shape],
  );
}

/** What a graph computes in ONNX Runtime, in the order of its outputs. */
export async function runGraph(
  graph: Graph,
  inputs: readonly tf.Tensor[],
): Promise<Float32Array[]> {
  const runtime = await loadRuntime();
  const session = await runtime.createSession(encodeModel(graph), { optimization: "disabled" });
  const feeds: Record<string, Tensors[string]> = {};
  for (const [index, { name }] of graph.inputs.entries()) {
    const input = inputs[index] as tf.Tensor;
    const data = input.dataSync();
    feeds[name] =
      input.dtype === "int32"
        ? { type: "int32", dims: input.shape, data: data as Int32Array }
        : { type: "float32", dims: input.shape, data: data as Float32Array };
  }
  const results = await session.run(feeds);
  await session.release();
  return graph.outputs.map(({ name }) => results[name]?.data as Float32Array);
}

/** What TensorFlow.js computes. */
export function runLayers(model: layers.LayersModel, inputs: readonly tf.Tensor[]): Float32Array[] {
  const results = model.predict([...inputs]);
  return (Array.isArray(results) ? results : [results]).map(
    (each) => each.dataSync() as Float32Array,
  );
}

/** The largest difference over the largest magnitude. */
export function relativeDifference(
  found: readonly Float32Array[],
  expected: readonly Float32Array[],
) {
  let worst = found.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
  for (const [index, values] of expected.entries()) {
    const others = found[index] ?? new Float32Array();
    if (others.length !== values.length) return Number.POSITIVE_INFINITY;
    let scale = 1e-6;
    let difference = 0;
    for (const [i, value] of values.entries()) {
      scale = Math.max(scale, Math.abs(value));
      const distance = Math.abs(value - (others[i] as number));
      difference = Number.isNaN(distance)
        ? Number.POSITIVE_INFINITY
        : Math.max(difference, distance);
    }
    worst = Math.max(worst, difference / scale);
  }
  return worst;
}
