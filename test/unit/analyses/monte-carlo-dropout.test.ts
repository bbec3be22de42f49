import { describe, expect, test } from "vitest";
import { monteCarloDropout } from "../../../src/analyses/monte-carlo-dropout.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { numbers } from "../operators/step-harness.ts";
import { modelOf, named, scalar, weights } from "../passes/dropout-models.ts";
import { samplesOf } from "./sample-data.ts";

const FEATURES = 4;
const OUTPUTS = 3;

/** y = W·dropout(x) + b. */
function linear(rate: number, batch: number | string = "N"): Graph {
  return modelOf(
    [named("Dropout", "drop", ["x", "ratio"], ["d"]), named("Gemm", "fc", ["d", "w", "b"], ["y"])],
    {
      inputs: { x: [batch, FEATURES] },
      outputs: { y: [batch, OUTPUTS] },
      tensors: [
        scalar("ratio", rate),
        weights("w", [FEATURES, OUTPUTS]),
        weights("b", [OUTPUTS], 2),
      ],
    },
  );
}

const rows = (count: number, seed: number) => {
  const { data } = numbers([count, FEATURES], seed);
  return Array.from({ length: count }, (_, row) =>
    Array.from(data).slice(row * FEATURES, (row + 1) * FEATURES),
  );
};

const run = (
  graph: Graph,
  given: Record<string, number | string>,
  samples = samplesOf(rows(5, 9)),
) => monteCarloDropout.run(graph, checkedOptions(monteCarloDropout, given), samples);

/** The rows by sample, each as [means, deviations] of all outputs. */
function bySample(result: Awaited<ReturnType<typeof run>>) {
  const table = result.tables[0];
  const column = (name: string) => table?.columns.indexOf(name) ?? -1;
  return new Map(
    table?.rows.map((row) => [
      row[column("sample")] as number,
      [0, 1, 2].map((output) => ({
        mean: row[column(`mean ${output}`)] as number,
        deviation: row[column(`std ${output}`)] as number,
      })),
    ]),
  );
}

describe("monte-carlo-dropout", () => {
  test.each([0.2, 0.5, 0.8])(
    "a linear layer at rate %d has the moments of the closed form",
    async (rate) => {
      const runs = 4000;
      const graph = linear(rate);
      const w = readFloat64(graph.initializers.get("w") as Tensor);
      const b = readFloat64(graph.initializers.get("b") as Tensor);
      const samples = rows(5, 9);
      const found = bySample(await run(graph, { runs }));
      const odds = rate / (1 - rate);
      for (const [sample, x] of samples.entries()) {
        for (let output = 0; output < OUTPUTS; output++) {
          const products = x.map((value, j) => value * (w[j * OUTPUTS + output] as number));
          // E[y] = W·x + b, Var[y] = Σ w²·x²·rate/(1 − rate)
          const mean = products.reduce((sum, value) => sum + value, b[output] as number);
          const variance = products.reduce((sum, value) => sum + value ** 2, 0) * odds;
          const cell = found.get(sample)?.[output];
          // Five standard errors: of the mean σ/√T, of the variance of a sum of two-valued terms, whose
          // fourth central moment is at most (3 + odds + 1/odds)·σ⁴.
          expect(Math.abs((cell?.mean ?? 0) - mean)).toBeLessThan(5 * Math.sqrt(variance / runs));
          const spread = Math.sqrt((2 + odds + 1 / odds) / runs);
          expect(Math.abs((cell?.deviation ?? 0) ** 2 / variance - 1)).toBeLessThan(5 * spread);
        }
      }
    },
  );

  test("the same seed gives the same numbers in batches of any size, another seed others", async () => {
    const first = await run(linear(0.5), { runs: 20, seed: 3 });
    expect(await run(linear(0.5), { runs: 20, seed: 3 })).toEqual(first);
    // Batches of two, the last one filled up.
    expect(bySample(await run(linear(0.5, 2), { runs: 20, seed: 3 }))).toEqual(bySample(first));
    expect((await run(linear(0.5), { runs: 20, seed: 4 })).tables).not.toEqual(first.tables);
  });

  test("the option rate overrides, as if the model had it", async () => {
    const other = await run(linear(0.5), { runs: 10, rate: 0.25 });
    expect(other).toEqual(await run(linear(0.25), { runs: 10 }));
  });

  test("samples are sorted by uncertainty, and accuracy is told where there are labels", async () => {
    const features = rows(40, 5);
    const result = await run(
      linear(0.5),
      { runs: 30 },
      samplesOf(
        features,
        features.map((_, i) => i % 3),
      ),
    );
    const column = result.tables[0]?.columns.indexOf("mean std of all") ?? -1;
    const uncertainty = result.tables[0]?.rows.map((row) => row[column] as number) ?? [];
    expect(uncertainty).toEqual([...uncertainty].sort((a, b) => b - a));
    expect(uncertainty.length).toBe(40);
    const mean = uncertainty.reduce((sum, value) => sum + value, 0) / 40;
    expect(result.sentences[0]).toContain(`standard deviation is ${Number(mean.toPrecision(4))}`);
    expect(result.sentences[1]).toMatch(
      /^The mean prediction is right for [\d.]+ % of the samples/,
    );
    expect(result.sentences[2]).toMatch(/among the 4 most uncertain\.$/);
  });

  test("for classes the outputs become probabilities, which sum to 1", async () => {
    const samples = samplesOf(rows(4, 5), [0, 1, 2, 0]);
    const sums = (result: Awaited<ReturnType<typeof run>>) =>
      [...bySample(result).values()].map((each) => each.reduce((sum, { mean }) => sum + mean, 0));
    for (const sum of sums(await run(linear(0.5), { runs: 7 }, samples)))
      expect(sum).toBeCloseTo(1, 12);
    const raw = await run(linear(0.5), { runs: 7, softmax: "never" }, samples);
    expect(Math.abs((sums(raw)[0] ?? 1) - 1)).toBeGreaterThan(1e-3);
    const unlabelled = samplesOf(rows(4, 5));
    for (const sum of sums(await run(linear(0.5), { runs: 7, softmax: "always" }, unlabelled))) {
      expect(sum).toBeCloseTo(1, 12);
    }
  });

  test("a single number as output has no class", async () => {
    const graph = modelOf(
      [named("Dropout", "drop", ["x"], ["d"]), named("Gemm", "fc", ["d", "w"], ["y"])],
      {
        inputs: { x: ["N", FEATURES] },
        outputs: { y: ["N", 1] },
        tensors: [weights("w", [FEATURES, 1])],
      },
    );
    const result = await run(graph, { runs: 5 }, samplesOf(rows(3, 1), [0, 1, 0]));
    expect(result.tables[0]?.columns).toEqual(["sample", "mean", "std"]);
    expect(result.sentences.length).toBe(1);
  });

  test("float16 inside is masked in float16", async () => {
    const cast = (name: string, input: string, output: string, to: DataType) =>
      named("Cast", name, [input], [output], { attributes: { to: { int: to } } });
    const graph = modelOf(
      [
        cast("down", "x", "h", DataType.FLOAT16),
        named("Dropout", "drop", ["h"], ["d"]),
        cast("up", "d", "y", DataType.FLOAT),
      ],
      { inputs: { x: ["N", 3] }, outputs: { y: ["N", 3] } },
    );
    const found = bySample(await run(graph, { runs: 400 }, samplesOf([[1, 2, 4]])));
    for (const [output, x] of [1, 2, 4].entries()) {
      expect(found.get(0)?.[output]?.deviation).toBeGreaterThan(0.9 * x);
    }
  });

  test.each([
    [linear(0), {}, "the model has no Dropout that drops anything"],
    [linear(0.5), { rate: 1 }, "option rate is 1"],
    [linear(0.5), { runs: 2.5 }, "option runs is 2.5; a whole number is needed"],
    [linear(1), {}, "The ratio of Dropout drop is 1"],
    [
      modelOf(
        [named("Reshape", "rows", ["x", "shape"], ["r"]), named("Dropout", "drop", ["r"], ["y"])],
        { outputs: { y: ["m", 2] }, tensors: [] },
      ),
      {},
      "node drop: the size of r, which it drops from, is not known",
    ],
  ])("case %#: refused with the reason", async (graph, given, message) => {
    await expect(run(graph, given)).rejects.toThrow(message);
  });

  test("no samples are refused", async () => {
    await expect(run(linear(0.5), {}, samplesOf([]))).rejects.toThrow("samples to run are needed");
  });
});
