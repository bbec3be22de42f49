import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { elementCount, float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { applyWeightNorm } from "../../../src/passes/apply-weight-norm.ts";
import { removeWeightNorm } from "../../../src/passes/remove-weight-norm.ts";
import goldens from "../../oracles/weight-norm.json" with { type: "json" };
import { FIXTURES } from "../../support/repository.ts";
import { numbers } from "../operators/step-harness.ts";
import { differenceInRuntime } from "./equivalence.ts";
import { KEEP, LAYERS, type LayerOptions, layerModel } from "./weight-norm-layers.ts";

describe("remove-weight-norm", () => {
  test.each([
    "function-script",
    "function-dynamo",
    "parametrization-script",
    "parametrization-dynamo",
  ])("PyTorch's export %s", async (name) => {
    const graph = await readModel(join(FIXTURES, `weight-norm-${name}.onnx`));
    const { graph: removed, applied, skipped } = removeWeightNorm.apply(graph, undefined, {});
    expect([applied.length, skipped]).toEqual([5, []]);
    expect(verify(removed)).toEqual([]);
    const left = removed.nodes.map(({ opType }) => opType);
    expect(left.filter((opType) => /^(Reduce.*|Mul|Div|Transpose)$/.test(opType))).toEqual([]);
    for (const { layer, dims, weight } of goldens.layers) {
      const tensor = removed.initializers.get(`${layer}.weight`) as Tensor;
      expect(tensor.dims).toEqual(dims);
      // The golden is from the same float32 g and v in float64: all that is left is one rounding.
      for (const [i, value] of readFloat64(tensor).entries()) {
        expect(Math.abs(value - (weight[i] as number))).toBeLessThanOrEqual(
          2 ** -24 * Math.abs(value) + 1e-12,
        );
      }
    }
    expect(await differenceInRuntime(graph, removed)).toBeLessThanOrEqual(1);
  });

  test.each([
    ["Sqrt of ReduceSumSquare", "ReduceSumSquare", "Sqrt"],
    ["a power of a sum of products", "Mul", "Pow"],
    ["a root of a sum of squares", "Pow", "Sqrt"],
  ])("%s is a norm as well", async (_, square, root) => {
    const builder = new GraphBuilder(["x"]);
    const tensor = (name: string, dims: number[], seed: number) =>
      builder.addInitializer(
        float32Tensor(name, dims, Float32Array.from(numbers(dims, seed).data)),
      );
    const [v, g] = [tensor("kernel_v", [4, 3], 1), tensor("kernel_g", [3], 2)];
    const keep = { attributes: { keepdims: { int: 0 } } };
    const squares =
      square === "Mul" ? builder.add("Mul", [v, v]) : builder.add("Pow", [v, builder.scalar(2)]);
    const sum =
      square === "ReduceSumSquare"
        ? builder.add("ReduceSumSquare", [v, builder.ints([0])], keep)
        : builder.add("ReduceSum", [squares, builder.ints([0])], keep);
    const norm =
      root === "Sqrt" ? builder.add("Sqrt", [sum]) : builder.add("Pow", [sum, builder.scalar(0.5)]);
    const scaled = builder.add("Mul", [g, v]);
    const weight = builder.add("Div", [scaled, norm], { name: "weight" });
    const output = builder.add("MatMul", ["x", weight], { name: "fc" });
    const info = (name: string, size: number) => makeValueInfo(name, DataType.FLOAT, [2, size]);
    const graph = builder.build("norms", [info("x", 4)], [info(output, 3)], 18);
    const nodes = graph.nodes.filter(
      (node) => square !== "ReduceSumSquare" || node.output[0] !== squares,
    );
    const model = { ...graph, nodes };
    const removed = removeWeightNorm.apply(model, undefined, {});
    expect(removed.applied).toEqual([{ node: "weight", into: "fc" }]);
    expect(removed.graph.nodes.map(({ opType }) => opType)).toEqual(["MatMul"]);
    expect([...removed.graph.initializers.keys()]).toContain("kernel");
    expect(await differenceInRuntime(model, removed.graph)).toBeLessThanOrEqual(1);
  });

  test("other products of constants are none", () => {
    const builder = new GraphBuilder(["x"]);
    const tensor = (name: string, dims: number[]) =>
      builder.addInitializer(float32Tensor(name, dims, Float32Array.from(numbers(dims, 1).data)));
    const [v, u, g] = [tensor("v", [4, 3]), tensor("u", [4, 3]), tensor("g", [1, 3])];
    const norm = builder.add("ReduceL2", [u, builder.ints([0])]);
    const scaled = builder.add("Mul", [v, builder.add("Div", [g, norm])]);
    const output = builder.add("MatMul", ["x", scaled]);
    const info = (name: string, size: number) => makeValueInfo(name, DataType.FLOAT, [2, size]);
    const graph = builder.build("other", [info("x", 4)], [info(output, 3)], 18);
    expect(removeWeightNorm.find(graph, {})).toEqual([]);
  });

  test("a weight that is an output as well stays, and a v without direction is refused", () => {
    const [layer] = LAYERS.filter(({ name }) => name === "Gemm");
    const { graph } = applyWeightNorm.apply(layerModel(layer as LayerOptions), undefined, KEEP);
    const shown = {
      ...graph,
      outputs: [...graph.outputs, makeValueInfo("w_normalized", DataType.FLOAT, [4, 3])],
    };
    expect(removeWeightNorm.apply(shown, undefined, {}).skipped).toEqual([
      { node: "w_normalized", reason: "The weight w_normalized is an output of the model." },
    ]);
    const zero = float32Tensor("w", [4, 3], new Float32Array(12));
    const initializers = new Map(graph.initializers).set("w", zero);
    expect(() => removeWeightNorm.apply({ ...graph, initializers }, undefined, {})).toThrow(
      "Mul w_normalized: all numbers of v (w) in output unit 0 are zero",
    );
  });
});

test("the fixtures are what their generator says", () => {
  const text = readFileSync(join(FIXTURES, "weight-norm-function-dynamo.onnx"), "latin1");
  expect(text).not.toMatch(/\.py/);
  expect(elementCount(goldens.shape)).toBe(goldens.input.length);
});
