import { describe, expect, test } from "vitest";
import { dropoutL2Equivalence } from "../../../src/analyses/dropout-l2-equivalence.ts";
import { seededRandom } from "../../../src/data/random.ts";
import type { Graph, Node } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { numbers } from "../operators/step-harness.ts";
import { modelOf, named, scalar, weights } from "../passes/dropout-models.ts";
import { samplesOf } from "./sample-data.ts";

const [FEATURES, OUTPUTS, SAMPLES] = [4, 3, 7];

/** Dropout of rate 0.2 → MatMul fc → Add → the nodes given → y. */
function model(behind: readonly Node[] = [], last = "z"): Graph {
  return modelOf(
    [
      named("Dropout", "drop", ["x", "ratio"], ["d"]),
      named("Flatten", "flatten", ["d"], ["f"]),
      named("MatMul", "fc", ["f", "w"], ["m"]),
      named("Add", "bias", ["m", "b"], ["z"]),
      ...behind,
    ],
    {
      inputs: { x: ["N", FEATURES] },
      outputs: { [last]: ["N", OUTPUTS] },
      tensors: [
        scalar("ratio", 0.2),
        weights("w", [FEATURES, OUTPUTS]),
        weights("b", [OUTPUTS], 2),
      ],
    },
  );
}

const features = (() => {
  const { data } = numbers([SAMPLES, FEATURES], 9);
  return Array.from({ length: SAMPLES }, (_, row) =>
    Array.from(data).slice(row * FEATURES, (row + 1) * FEATURES),
  );
})();
const softmaxed = model([named("Softmax", "softmax", ["z"], ["y"])], "y");
const unlabelled = samplesOf(features);

const run = (graph: Graph, given: Record<string, string | number> = {}, samples = unlabelled) =>
  dropoutL2Equivalence.run(graph, checkedOptions(dropoutL2Equivalence, given), samples);

/** Rows by feature: Fisher diagonal, Σβ², penalty, share. */
function byFeature(result: Awaited<ReturnType<typeof run>>): number[][] {
  const rows = result.tables[0]?.rows ?? [];
  return [...rows]
    .sort((a, b) => Number(a[0]) - Number(b[0]))
    .map((row) => row.slice(1).map(Number));
}

const parameters = (graph: Graph) => {
  const w = readFloat64(graph.initializers.get("w") as Tensor);
  const b = readFloat64(graph.initializers.get("b") as Tensor);
  const beta = (j: number, k: number) => w[j * OUTPUTS + k] as number;
  const logits = (x: readonly number[]) =>
    Array.from(b, (shift, k) => x.reduce((sum, value, j) => sum + value * beta(j, k), shift));
  return { beta, logits };
};

/** log Σ exp z, the log-partition function of the softmax. */
const logPartition = (z: readonly number[]) => {
  const max = Math.max(...z);
  return max + Math.log(z.reduce((sum, each) => sum + Math.exp(each - max), 0));
};

/** A''_k by central differences of the link's A, which no formula of the product enters. */
function curvature(link: string, z: readonly number[], k: number): number {
  const partition: Record<string, (z: readonly number[]) => number> = {
    softmax: logPartition,
    sigmoid: (each) => each.reduce((sum, value) => sum + Math.log1p(Math.exp(value)), 0),
    identity: (each) => each.reduce((sum, value) => sum + value ** 2 / 2, 0),
  };
  const step = 1e-4;
  const at = (by: number) =>
    (partition[link] as typeof logPartition)(z.map((v, i) => (i === k ? v + by : v)));
  return (at(step) - 2 * at(0) + at(-step)) / step ** 2;
}

describe("dropout-l2-equivalence", () => {
  test.each(["softmax", "sigmoid", "identity"])(
    "%s: the penalty is the formula's",
    async (link) => {
      const { beta, logits } = parameters(softmaxed);
      const found = byFeature(await run(softmaxed, { link, rate: 0.3 }));
      const expected = Array.from({ length: FEATURES }, (_, j) => {
        let [fisher, penalty] = [0, 0];
        for (const x of features) {
          for (let k = 0; k < OUTPUTS; k++) {
            const term = curvature(link, logits(x), k) * (x[j] as number) ** 2;
            fisher += term;
            penalty += 0.5 * (0.3 / 0.7) * beta(j, k) ** 2 * term;
          }
        }
        return [fisher, penalty];
      });
      const total = expected.reduce((sum, [, penalty]) => sum + (penalty ?? 0), 0);
      for (const [j, [fisher = 0, penalty = 0]] of expected.entries()) {
        // Second differences with a step of 1e-4 keep about seven digits.
        expect(Math.abs((found[j]?.[0] ?? 0) / fisher - 1)).toBeLessThan(1e-5);
        expect(Math.abs((found[j]?.[2] ?? 0) / penalty - 1)).toBeLessThan(1e-5);
        expect(Math.abs((found[j]?.[3] ?? 0) - penalty / total)).toBeLessThan(1e-5);
      }
    },
  );

  test("the full curvature is what a little dropout adds to the loss", async () => {
    const rate = 0.02;
    const { logits } = parameters(softmaxed);
    const found = byFeature(await run(softmaxed, { rate, curvature: "full" }));
    const penalty = found.reduce((sum, row) => sum + (row[2] ?? 0), 0);
    // E[A(x̃·β)] − A(x·β) over all masks, each with its probability.
    let exact = 0;
    for (const x of features) {
      for (let mask = 0; mask < 2 ** FEATURES; mask++) {
        const kept = x.map((_, j) => (mask >> j) & 1);
        const count = kept.reduce((sum, each) => sum + each, 0);
        const chance = (1 - rate) ** count * rate ** (FEATURES - count);
        const noisy = x.map((value, j) => (value * (kept[j] ?? 0)) / (1 - rate));
        exact += chance * logPartition(logits(noisy));
      }
      exact -= logPartition(logits(x));
    }
    // The next order is in the third moment of the noise.
    expect(Math.abs(penalty / exact - 1)).toBeLessThan(0.05);
    // Without the covariance of the outputs it is another number.
    const diagonal = byFeature(await run(softmaxed, { rate }));
    const sum = diagonal.reduce((all, row) => all + (row[2] ?? 0), 0);
    expect(Math.abs(sum / exact - 1)).toBeGreaterThan(0.1);
  });

  test("rate and link go by what stands around the layer", async () => {
    const sentence = async (graph: Graph, samples = unlabelled) =>
      (await run(graph, {}, samples)).sentences[0];
    expect(await sentence(softmaxed)).toMatch(
      /^Dropout of rate 0\.2 \(as the Dropout .* the softmax behind it\.$/,
    );
    const gate = model([named("Sigmoid", "sigmoid", ["z"], ["y"])], "y");
    expect(await sentence(gate)).toMatch(/the sigmoid behind it\.$/);
    expect(await sentence(model())).toMatch(/the identity behind it\.$/);
    const classes = samplesOf(
      features,
      features.map((_, row) => row % 3),
    );
    expect(await sentence(model(), classes)).toMatch(/the softmax behind it\.$/);
  });

  test("Gemm's transposed weight and its factor are β", async () => {
    const transposed = { transB: { int: 1 }, alpha: { float: 2 } };
    const graph = modelOf([named("Gemm", "fc", ["x", "w"], ["y"], { attributes: transposed })], {
      inputs: { x: ["N", 2] },
      outputs: { y: ["N", 3] },
      tensors: [weights("w", [3, 2])],
    });
    const w = readFloat64(graph.initializers.get("w") as Tensor);
    const found = byFeature(
      await run(
        graph,
        {},
        samplesOf([
          [1, 3],
          [2, 0],
        ]),
      ),
    );
    for (const [j, squares] of [5, 9].entries()) {
      const beta = [0, 1, 2].reduce((sum, k) => sum + (2 * (w[k * 2 + j] as number)) ** 2, 0);
      expect(found[j]?.[1]).toBeCloseTo(beta, 10);
      // Rate 0.5, so δ/(1 − δ) is 1.
      expect(found[j]?.[2]).toBeCloseTo(0.5 * beta * squares, 10);
    }
  });

  test("a feature that is never there is penalized nothing", async () => {
    const zeros = samplesOf([[0, 0, 0, 0]]);
    const result = await run(softmaxed, {}, zeros);
    expect(byFeature(result).map((row) => [row[0], row[2], row[3]])).toEqual(
      new Array(4).fill([0, 0, 0]),
    );
    expect(result.sentences.length).toBe(1);
  });

  test.each([
    [
      model([named("Relu", "relu", ["z"], ["y"])], "y"),
      {},
      "MatMul fc goes to Relu relu, which makes no predictions",
    ],
    [
      softmaxed,
      { layer: "drop" },
      "option layer is drop, which is no Gemm or MatMul of the model; there are: fc",
    ],
    [softmaxed, { rate: 1 }, "option rate is 1"],
    [modelOf([named("Relu", "relu", ["x"], ["y"])]), {}, "the model has no Gemm or MatMul"],
  ])("case %#: refused with the reason", async (graph, given, message) => {
    await expect(run(graph, given)).rejects.toThrow(message);
  });

  test("random networks: shares sum to 1", async () => {
    const random = seededRandom(4);
    const rows = Array.from({ length: 20 }, () =>
      Array.from({ length: FEATURES }, () => random.normal()),
    );
    const shares = byFeature(await run(softmaxed, {}, samplesOf(rows))).map((row) => row[3] ?? 0);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  });
});
