import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Dataset, Targets } from "../../src/data/dataset.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { elementCount } from "../../src/graph/tensor.ts";
import { loadRuntime } from "../../src/runtime/onnx-runtime.ts";
import type { LossKind } from "../../src/training/losses/table.ts";
import { type ModelGradients, modelGradients } from "../../src/training/model-gradients.ts";
import { REPOSITORY } from "./repository.ts";

/** What test/oracles/architecture_gradients.py writes of a network, and describes. */
export interface NetworkGolden {
  readonly seed: number;
  readonly inputShape: readonly number[];
  readonly loss: LossKind;
  readonly targetShape: readonly number[];
  readonly value: number;
  readonly gradients: Readonly<Record<string, GradientGolden>>;
}

export interface GradientGolden {
  readonly shape: readonly number[];
  readonly largest: number;
  readonly norm: number;
  readonly projection: number;
  readonly samples: readonly number[];
}

/** The networks of a file in test/oracles. */
export async function networkGoldens<Golden>(
  file: string,
): Promise<Readonly<Record<string, Golden>>> {
  const bytes = gunzipSync(await readFile(join(REPOSITORY, "test/oracles", file)));
  return (JSON.parse(bytes.toString()) as { readonly models: Record<string, Golden> }).models;
}

/** Uniform over (−2, 2), as the generator's function of the same name. */
export function noise(seed: number, count: number): Float32Array {
  const values = new Float32Array(count);
  let state = seed;
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[index] = ((state >>> 8) - 2 ** 23) / 2 ** 22;
  }
  return values;
}

/** In training mode, on the golden's one batch. */
export async function gradientsOf(
  name: string,
  graph: Graph,
  golden: NetworkGolden,
  threads: number,
): Promise<ModelGradients> {
  const dataset = datasetOf(name, golden);
  const runtime = await loadRuntime();
  return modelGradients({ graph, dataset, loss: golden.loss, mode: "training", runtime, threads });
}

function datasetOf(name: string, { seed, inputShape, targetShape }: NetworkGolden): Dataset {
  const [count = 0, ...sampleShape] = inputShape;
  const features = noise(seed, elementCount(inputShape));
  const classes: Targets = {
    kind: "classes",
    labels: Int32Array.from({ length: count }, (_, sample) => (3 * sample) % 10),
    classNames: Array.from({ length: 10 }, (_, label) => String(label)),
  };
  const values = noise(seed + 1, elementCount(targetShape));
  const numbers: Targets = { kind: "numbers", values, shape: targetShape.slice(1) };
  const targets = targetShape.length === 1 ? classes : numbers;
  return { name, count, sampleShape, features, targets };
}

/** The largest error of what is known of a gradient, relative to `scale` for each number. */
export function errorOf(values: Float32Array, golden: GradientGolden, scale: number): number {
  const count = values.length;
  let [square, projection] = [0, 0];
  for (const [index, value] of values.entries()) {
    square += value * value;
    projection += value * Math.cos(index);
  }
  const samples = golden.samples.map((expected, sample) => {
    const index = count <= 16 ? sample : Math.floor((sample * count) / 16);
    return Math.abs((values[index] ?? Number.NaN) - expected);
  });
  // Sums over all numbers: √n errors of the size of the scale, should they be independent.
  const norm = Math.abs(Math.sqrt(square) - golden.norm) / Math.sqrt(count);
  const sum = Math.abs(projection - golden.projection) / Math.sqrt(count);
  return Math.max(...samples, norm, sum) / scale;
}
