import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { analyze } from "../../../src/engine/analyze.ts";
import { applyPass } from "../../../src/engine/apply-pass.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { changeGraph } from "../../../src/graph/edit.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import type { AnalysisReport } from "../../../src/protocol/reports.ts";
import { SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { nodeNamed, numbersOf, perceptron } from "../passes/layer-graphs.ts";

const [MEAN, VARIANCE] = [3, 4] as const;

const shift = (graph: Graph, options = {}) =>
  analyze(graph, { analysis: "batch-norm-shift", options, data: "digits" }, context);

/** BatchNorm and channel of the rows over the threshold, in the table's order. */
function shifted({ tables }: AnalysisReport, threshold = 0.5): string[] {
  return (tables[1]?.rows ?? []).flatMap((row) => {
    const score = Math.max(Number(row[6]), Math.abs(Number(row[7])));
    return score > threshold || Number.isNaN(score) ? [`${row[0]} ${row[1]}`] : [];
  });
}

/** The graph with one stored statistic changed. */
function planted(
  graph: Graph,
  batchNorm: string,
  input: typeof MEAN | typeof VARIANCE,
  channel: number,
  change: (value: number, deviation: number) => number,
): Graph {
  const node = nodeNamed(graph, batchNorm);
  const name = node.input[input] ?? "";
  const values = Float32Array.from(numbersOf(graph, name));
  const deviation = Math.sqrt(numbersOf(graph, node.input[VARIANCE])[channel] as number);
  values[channel] = change(values[channel] as number, deviation);
  return changeGraph(graph, { initializers: [float32Tensor(name, [values.length], values)] });
}

describe("batch-norm-shift", () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
  });

  test("the running statistics of a trained model fit its data", async () => {
    const report = await shift(graph);
    expect(report.sentences[0]).toMatch(/^The stored statistics fit digits: no channel is over/);
    expect(shifted(report)).toEqual([]);
    expect(report.tables[0]?.rows.map((row) => row.slice(0, 3))).toEqual([
      ["bn1", 16, 0],
      ["bn2", 32, 0],
      ["bn3", 64, 0],
    ]);
  });

  test("planted shifts are found, the worst first, and nothing behind them", async () => {
    let wrong = planted(graph, "bn1", MEAN, 3, (mean, deviation) => mean + 3 * deviation);
    wrong = planted(wrong, "bn1", VARIANCE, 7, (variance) => variance * 100);
    wrong = planted(wrong, "bn3", VARIANCE, 60, (variance) => variance / 8);
    const report = await shift(wrong);
    // 4.6 = ln 100, 3 deviations, 2.1 = ln 8.
    expect(shifted(report)).toEqual(["bn1 7", "bn1 3", "bn3 60"]);
    const [first, second, third] = report.tables[1]?.rows ?? [];
    expect(Number(first?.[7])).toBeCloseTo(-Math.log(100), 1);
    expect(Number(second?.[6])).toBeCloseTo(3, 1);
    expect(Number(third?.[7])).toBeCloseTo(Math.log(8), 0);
    expect(report.sentences[0]).toMatch(/3 channels of bn1, bn3 are over the threshold 0\.5/);
    expect(report.tables[0]?.rows.map((row) => row[2])).toEqual([2, 0, 1]);
    // The shift of bn1 does reach bn2's input: measured as the model stands, bn2 would be blamed.
    const alone = { pass: "recalibrate-batch-norm", sites: ["bn2"], options: {}, data: "digits" };
    const { report: asItStands } = await applyPass(wrong, { ...alone, verify: false }, context);
    const blamed = asItStands.tables?.[0]?.rows.filter(
      (row) => Math.max(Number(row[6]), Math.abs(Number(row[7]))) > 0.5,
    );
    expect(blamed?.length).toBeGreaterThan(0);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1])(
    "a stored variance of %d comes first",
    async (value) => {
      const wrong = planted(graph, "bn2", VARIANCE, 5, () => value);
      const report = await shift(wrong);
      expect(report.tables[1]?.rows[0]?.slice(0, 2)).toEqual(["bn2", 5]);
      expect(report.sentences[0]).toContain("1 channel of bn2 is over the threshold");
    },
  );

  test("the threshold is an option, and the graph is left alone", async () => {
    const strict = await shift(graph, { threshold: 0.1 });
    expect(strict.sentences[0]).toContain("do not fit");
    expect(Number(strict.tables[0]?.rows[2]?.[2])).toBe(
      shifted(strict, 0.1).filter((name) => name.startsWith("bn3")).length,
    );
    await expect(shift(graph, { threshold: -1 })).rejects.toThrow("option threshold is -1");
    const nothing = await shift(perceptron());
    expect(nothing).toMatchObject({
      sentences: ["The model has no BatchNorm to compare with data."],
      tables: [],
    });
    await expect(analyze(graph, { analysis: "batch-norm-shift" }, context)).rejects.toThrow("data");
  });
});
