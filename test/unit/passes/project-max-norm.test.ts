import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { projectMaxNorm } from "../../../src/passes/project-max-norm.ts";
import { FIXTURES, SAMPLES } from "../../support/repository.ts";

/** x → MatMul (and another one, where asked) with columns of length 5, 1, 0.5 and 0. */
function model(
  dataType = DataType.FLOAT,
  layers: readonly ("plain" | "transposed")[] = ["plain"],
): Graph {
  const builder = new GraphBuilder(["x"]);
  const columns = Float64Array.of(3, 0.6, 0, 0, 4, 0.8, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  builder.addInitializer(roundedTensor("w", [4, 4], dataType, columns));
  let value = "x";
  for (const [index, layer] of layers.entries()) {
    const attributes = { transB: { int: layer === "transposed" ? 1 : 0 } };
    value = builder.add("Gemm", [value, "w"], { name: `fc${index}`, attributes });
  }
  const info = (name: string) => makeValueInfo(name, dataType, [2, 4]);
  return builder.build("m", [info("x")], [info(value)], 17);
}

const values = (graph: Graph, name: string) => [
  ...readFloat64(graph.initializers.get(name) as Tensor),
];

describe("project-max-norm", () => {
  test("long units are shortened to the limit, others and zeros stay as they are", () => {
    const result = projectMaxNorm.apply(model(), undefined, { limit: 2 });
    expect(result.applied).toEqual([{ node: "fc0", into: "fc0" }]);
    const after = values(result.graph, "w");
    expect(after[0]).toBeCloseTo(1.2, 7);
    expect(after[4]).toBeCloseTo(1.6, 7);
    expect([1, 5, 6, 7].map((i) => after[i])).toEqual([0.6, 0.8, 0.5, 0].map(Math.fround));
    expect(result.statement).toBe(
      "1 of 4 units in 1 of 1 layers were shortened to ‖w‖ = 2; the function is another one.",
    );
    expect(result.tables?.[0]?.rows).toEqual([["fc0", 4, 1, 5, expect.closeTo(1.625, 6), 0.4]]);
  });

  test.each([DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16])(
    "once is enough, and type %i stays",
    (dataType) => {
      const once = projectMaxNorm.apply(model(dataType), undefined, { limit: 0.7 });
      expect(once.graph.initializers.get("w")?.dataType).toBe(dataType);
      const twice = projectMaxNorm.apply(once.graph, undefined, { limit: 0.7 });
      expect(twice.applied).toEqual([]);
      expect(twice.statement).toBe("No unit's weights are longer than 0.7: nothing is changed.");
    },
  );

  test("layers that share a weight keep sharing it where their units are the same", () => {
    const same = projectMaxNorm.apply(model(DataType.FLOAT, ["plain", "plain"]), undefined, {
      limit: 2,
    });
    expect([...same.graph.initializers.keys()]).toEqual(["w"]);
    expect(same.applied).toHaveLength(2);

    const graph = model(DataType.FLOAT, ["plain", "transposed"]);
    const other = projectMaxNorm.apply(graph, undefined, { limit: 2 }).graph;
    expect(verify(other)).toEqual([]);
    expect(other.nodes.map(({ input }) => input[1])).toEqual(["w_limited", "w_limited_2"]);
    // Rows of length √9.36 and √16.89 in the transposed one, columns of length 5 in the plain one.
    expect(values(other, "w_limited")[4]).toBeCloseTo(1.6, 6);
    expect(values(other, "w_limited_2")[4]).toBeCloseTo((4 * 2) / Math.sqrt(16.89), 6);

    const one = projectMaxNorm.apply(graph, ["fc1"], { limit: 2 }).graph;
    expect(values(one, "w")).toEqual(values(graph, "w"));
  });

  test("a real model: every unit is within the limit", async () => {
    const graph = await readModel(join(SAMPLES, "narrow-resnet.onnx"));
    const result = projectMaxNorm.apply(graph, undefined, { limit: 1 });
    expect(verify(result.graph)).toEqual([]);
    const [table] = projectMaxNorm.apply(result.graph, undefined, { limit: 1 }).tables ?? [];
    expect(table?.rows.length).toBe(14);
    for (const row of table?.rows ?? []) expect(row[3]).toBeLessThanOrEqual(1 + 1e-6);
    expect(result.graph.nodes).toEqual(graph.nodes);
  });

  test("what is refused", async () => {
    expect(() => projectMaxNorm.apply(model(), undefined, { limit: 0 })).toThrow(
      "project-max-norm: option limit is 0; a number above 0 is needed",
    );
    expect(() => projectMaxNorm.apply(model(), undefined, { limit: 1e-300 })).toThrow(
      /^project-max-norm: option limit is 1e-300; \w+ \w+ has \d+ weights a unit, which float32 holds from \d.\d+e-38 on$/,
    );
    const graph = model();
    const bad = roundedTensor("w", [4, 4], DataType.FLOAT, new Float64Array(16).fill(Number.NaN));
    const broken = { ...graph, initializers: new Map([["w", bad]]) };
    expect(() => projectMaxNorm.apply(broken, undefined, { limit: 1 })).toThrow(
      "Gemm fc0: output unit 0 has a weight that is not finite",
    );
    const runtime = await readModel(join(FIXTURES, "runtime-weight.onnx"));
    expect(projectMaxNorm.apply(runtime, undefined, { limit: 1 }).skipped[0]?.reason).toContain(
      "known only at run time",
    );
  });
});
