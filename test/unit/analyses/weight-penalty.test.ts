import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { weightPenalty } from "../../../src/analyses/weight-penalty.ts";
import { seededRandom } from "../../../src/data/random.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { applyWeightNorm } from "../../../src/passes/apply-weight-norm.ts";
import { SAMPLES } from "../../support/repository.ts";

const OPTIONS = { peaky: 10, units: 10 };

function dense(rows: number, columns: number, weights: ArrayLike<number>): Graph {
  const builder = new GraphBuilder(["x"]);
  builder.addInitializer(float32Tensor("w", [columns, rows], Float32Array.from(weights)));
  const output = builder.add("Gemm", ["x", "w"], {
    name: "fc",
    attributes: { transB: { int: 1 } },
  });
  const info = (name: string, size: number) => makeValueInfo(name, DataType.FLOAT, ["N", size]);
  return builder.build("d", [info("x", rows)], [info(output, columns)], 17);
}

describe("weight-penalty", () => {
  test("sums and shares of a real model", async () => {
    const graph = await readModel(join(SAMPLES, "digits-mlp.onnx"));
    const { sentences, tables } = await weightPenalty.run(graph, OPTIONS, undefined);
    const weights = ["fc1", "fc2", "fc3", "fc4"].map((name) => {
      const tensor = graph.initializers.get(`${name}.weight`);
      return tensor === undefined ? [] : [...readFloat64(tensor)];
    });
    const squares = weights.map((each) => each.reduce((sum, w) => sum + w * w, 0));
    const whole = squares.reduce((a, b) => a + b);
    const rows = tables[0]?.rows ?? [];
    for (const [index, row] of rows.entries()) {
      expect(row[2]).toBeCloseTo(squares[index] as number, 9);
      expect(row[3]).toBe(`${((100 * (squares[index] as number)) / whole).toFixed(1)} %`);
      expect(row[4]).toBeCloseTo(
        (weights[index] ?? []).reduce((sum, w) => sum + Math.abs(w), 0),
        9,
      );
    }
    expect(sentences[0]).toContain(`Σw² is ${whole.toPrecision(4)}`);
    expect(sentences[0]).toContain("27,400 weights of 4 layers");
  });

  test("normal weights measure 3, uniform ones 1.8, a single one the number of weights", async () => {
    const random = seededRandom(1, "peaky");
    const count = 20_000;
    const normal = Array.from({ length: count }, () => random.normal());
    const uniform = Array.from({ length: count }, () => 2 * random.uniform() - 1);
    const single = Array.from({ length: count }, (_, i) => (i === 7 ? -3 : 0));
    const graph = dense(count, 3, [...normal, ...uniform, ...single]);
    const { sentences, tables } = await weightPenalty.run(graph, OPTIONS, undefined);
    const measure = new Map(tables[1]?.rows.map((row) => [row[1], Number(row[4])]));
    expect(measure.get(0)).toBeCloseTo(3, 0);
    expect(measure.get(1)).toBeCloseTo(1.8, 1);
    expect(measure.get(2)).toBe(count);
    expect(tables[2]?.rows).toEqual([["fc", 2, count, count, 3, "100.0 %"]]);
    expect(sentences[2]).toContain("1 of 3 units are peaky");
    const strict = await weightPenalty.run(graph, { ...OPTIONS, peaky: 2.5 }, undefined);
    expect(strict.tables[2]?.rows).toHaveLength(2);
  });

  test("weight normalization is measured as the w that it computes", async () => {
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    const normalized = applyWeightNorm.apply(graph, undefined, { start: "keep" }).graph;
    const [plain, other] = [
      await weightPenalty.run(graph, OPTIONS, undefined),
      await weightPenalty.run(normalized, OPTIONS, undefined),
    ];
    expect(other).toEqual(plain);
  });

  test("zeros, a shared weight, NaN and models without layers", async () => {
    const zeros = await weightPenalty.run(dense(4, 2, new Float32Array(8)), OPTIONS, undefined);
    expect(zeros.tables[0]?.rows[0]?.slice(0, 4)).toEqual(["fc", 8, 0, "0 %"]);
    await expect(
      weightPenalty.run(dense(2, 2, [1, 2, Number.NaN, 1]), OPTIONS, undefined),
    ).rejects.toThrow("Gemm fc: output unit 1 has a weight that is not finite");
    const builder = new GraphBuilder(["x"]);
    const output = builder.add("Relu", ["x"]);
    const info = (name: string) => makeValueInfo(name, DataType.FLOAT, [1, 2]);
    const empty = builder.build("e", [info("x")], [info(output)], 17);
    await expect(weightPenalty.run(empty, OPTIONS, undefined)).rejects.toThrow(
      "the model has no layer with a known weight",
    );
  });
});
