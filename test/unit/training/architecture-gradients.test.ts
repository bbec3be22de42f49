import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Dataset, Targets } from "../../../src/data/dataset.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { elementCount } from "../../../src/graph/tensor.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import type { LossKind } from "../../../src/training/losses/table.ts";
import { modelGradients } from "../../../src/training/model-gradients.ts";
import { REPOSITORY } from "../../support/repository.ts";

/** What test/oracles/architecture_gradients.py writes, and describes. */
interface Golden {
  readonly seed: number;
  readonly inputShape: readonly number[];
  readonly loss: LossKind;
  readonly targetShape: readonly number[];
  readonly value: number;
  readonly gradients: Readonly<Record<string, GoldenGradient>>;
}

interface GoldenGradient {
  readonly shape: readonly number[];
  readonly largest: number;
  readonly norm: number;
  readonly projection: number;
  readonly samples: readonly number[];
}

const { models } = JSON.parse(
  gunzipSync(
    await readFile(join(REPOSITORY, "test/oracles/architecture-gradients.json.gz")),
  ).toString(),
) as { readonly models: Readonly<Record<string, Golden>> };

/** Of a parameter's largest gradient; float32 PyTorch is within 5e-5 at the seeds that were chosen. */
const TOLERANCE = 1e-4;

/**
 * The floor of that scale, of the network's largest gradient: a bias in front of a BatchNorm has the
 * gradient 0, of which float32 leaves the rounding of what cancelled.
 */
const FLOOR = 1e-3;

/** Uniform over (−2, 2), as the generator's function of the same name. */
function noise(seed: number, count: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 8) - 2 ** 23) / 2 ** 22;
  });
}

function datasetOf(name: string, { seed, inputShape, targetShape }: Golden): Dataset {
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

async function gradientsOf(name: string, golden: Golden, threads: number) {
  return modelGradients({
    graph: await readModel(join(REPOSITORY, "test/fixtures/architectures", `${name}.onnx`)),
    dataset: datasetOf(name, golden),
    loss: golden.loss,
    mode: "training",
    runtime: await loadRuntime(),
    threads,
  });
}

/** The largest error of what is known of a gradient, relative to `scale` for each number. */
function errorOf(values: Float32Array, golden: GoldenGradient, scale: number): number {
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

describe("the gradient of a whole network is PyTorch's, in float64", () => {
  test.each(Object.entries(models))("%s", async (name, golden) => {
    const { loss, gradients } = await gradientsOf(name, golden, 2);
    expect(Math.abs(loss / golden.value - 1)).toBeLessThan(1e-5);
    expect(gradients.map((each) => each.name).toSorted()).toEqual(
      Object.keys(golden.gradients).toSorted(),
    );
    const all = Object.values(golden.gradients).map(({ largest }) => largest);
    const floor = FLOOR * Math.max(...all);
    const errors = gradients.map(({ name: parameter, shape, values }) => {
      const expected = golden.gradients[parameter] as GoldenGradient;
      expect(shape).toEqual(expected.shape);
      return { parameter, error: errorOf(values, expected, Math.max(expected.largest, floor)) };
    });
    expect(errors.filter(({ error }) => !(error < TOLERANCE))).toEqual([]);
  });
});

test.each(["mobilenetv2", "densenet", "unet", "gru", "transformer"])(
  "%s: one thread and two give the same numbers",
  async (name) => {
    const golden = models[name] as Golden;
    const [one, two] = [await gradientsOf(name, golden, 1), await gradientsOf(name, golden, 2)];
    expect(two.loss).toBe(one.loss);
    const same = one.gradients.filter(({ values }, index) =>
      values.every((value, at) => value === two.gradients[index]?.values[at]),
    );
    expect(same).toHaveLength(two.gradients.length);
  },
);
