import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/data/random.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readNumbers } from "../../../src/graph/numbers.ts";
import { elementCount, float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { mergeNormalizationAffine } from "../../../src/passes/merge-normalization-affine.ts";
import { differenceInRuntime } from "./equivalence.ts";

const random = seededRandom(3, "merge");

function add(builder: GraphBuilder, name: string, dims: readonly number[]): string {
  const values = Float32Array.from({ length: elementCount(dims) }, () => 0.5 + random.normal());
  return builder.addInitializer(float32Tensor(name, dims, values));
}

function values(graph: Graph, name: string): number[] {
  return readNumbers(graph.initializers.get(name) as Tensor);
}

/** x → LayerNorm norm → MatMul → Add, for as many heads as asked. */
function transformer(heads: number, shift: boolean, outputs: readonly string[] = []): Graph {
  const builder = new GraphBuilder(["x"]);
  const parameters = [add(builder, "gamma", [4]), ...(shift ? [add(builder, "beta", [4])] : [])];
  const normal = builder.add("LayerNormalization", ["x", ...parameters], {
    name: "norm",
    stem: "n",
  });
  const results = Array.from({ length: heads }, (_, head) => {
    const product = builder.add("MatMul", [normal, add(builder, `w${head}`, [4, 3])], {
      name: `fc${head}`,
      stem: "p",
    });
    return builder.add("Add", [product, add(builder, `b${head}`, [3])], { name: `add${head}` });
  });
  const shapes = [
    ...results.map((name) => [name, 3] as const),
    ...outputs.map((name) => [name, 4] as const),
  ];
  const info = (name: string, size: number) => makeValueInfo(name, DataType.FLOAT, [2, 5, size]);
  return builder.build(
    "t",
    [info("x", 4)],
    shapes.map(([name, size]) => info(name, size)),
    17,
  );
}

describe("merge-normalization-affine", () => {
  test.each([true, false])(
    "LayerNorm goes into every MatMul that reads it (shift %s)",
    async (shift) => {
      const graph = transformer(3, shift);
      const result = mergeNormalizationAffine.apply(graph, undefined, {});
      expect(result.applied).toEqual([{ node: "norm", into: "fc0" }]);
      expect(verify(result.graph)).toEqual([]);
      expect(result.graph.nodes.map(({ opType }) => opType)).toEqual(
        graph.nodes.map(({ opType }) => opType),
      );
      expect(result.graph.nodes[0]?.input).toEqual(["x", "gamma"]);
      expect(values(result.graph, "gamma")).toEqual([1, 1, 1, 1]);
      expect(await differenceInRuntime(graph, result.graph)).toBeLessThanOrEqual(1);
      expect(mergeNormalizationAffine.find(result.graph, {})).toEqual([]);
    },
  );

  test("a residual that reads the result as well is the reason to leave it", () => {
    const [site] = mergeNormalizationAffine.find(transformer(1, true, ["n"]), {});
    expect(site).toMatchObject({
      applicable: false,
      reason: "The result of norm (n) is an output of the model.",
    });
  });

  test.each([0, 1])("InstanceNorm before a Conv with padding %i", async (pad) => {
    const builder = new GraphBuilder(["x"]);
    const parameters = [add(builder, "gamma", [3]), add(builder, "beta", [3])];
    const normal = builder.add("InstanceNormalization", ["x", ...parameters], { name: "norm" });
    const attributes = { pads: { ints: [pad, pad, pad, pad] } };
    const result = builder.add("Conv", [normal, add(builder, "w", [2, 3, 3, 3])], {
      name: "conv",
      attributes,
    });
    const size = 3 + 2 * pad;
    const graph = builder.build(
      "i",
      [makeValueInfo("x", DataType.FLOAT, [2, 3, 5, 5])],
      [makeValueInfo(result, DataType.FLOAT, [2, 2, size, size])],
      17,
    );
    const merged = mergeNormalizationAffine.apply(graph, undefined, {});
    expect(verify(merged.graph)).toEqual([]);
    expect(values(merged.graph, "gamma")).toEqual([1, 1, 1]);
    expect(values(merged.graph, "beta").some((value) => value !== 0)).toBe(pad === 1);
    expect(await differenceInRuntime(graph, merged.graph)).toBeLessThanOrEqual(1);
  });
});
