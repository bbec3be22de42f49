import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { certify } from "../../../src/engine/certificate/certificate.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../src/graph/numbers.ts";
import { elementCount, float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { applyWeightNorm } from "../../../src/passes/apply-weight-norm.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { removeWeightNorm } from "../../../src/passes/remove-weight-norm.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import goldens from "../../oracles/weight-norm.json" with { type: "json" };
import { FIXTURES, SAMPLES } from "../../support/repository.ts";
import { numbers } from "../operators/step-harness.ts";
import { differenceInRuntime } from "./equivalence.ts";

const KEEP = { start: "keep" };

interface LayerOptions {
  readonly opType: string;
  readonly input: readonly (number | string)[];
  readonly weight: readonly number[];
  readonly attributes?: Parameters<GraphBuilder["add"]>[2];
  readonly output: readonly (number | string)[];
  readonly dataType?: DataType;
  readonly opset?: number;
  readonly left?: boolean;
}

/** x → one layer with weight w → y. */
function layerModel(options: LayerOptions, values?: ArrayLike<number>): Graph {
  const { opType, weight, attributes, dataType = DataType.FLOAT } = options;
  const builder = new GraphBuilder(["x", "y"]);
  const data = Float64Array.from(values ?? numbers(weight, 3).data);
  builder.addInitializer(roundedTensor("w", weight, dataType, data));
  const inputs = options.left ? ["w", "x"] : ["x", "w"];
  const output = builder.add(opType, inputs, { name: "layer", stem: "out", ...attributes });
  return builder.build(
    "model",
    [makeValueInfo("x", dataType, options.input)],
    [makeValueInfo(output, dataType, options.output)],
    options.opset ?? 17,
  );
}

const group = (size: number) => ({ attributes: { group: { int: size } } });

const LAYERS: readonly (LayerOptions & { readonly name: string; readonly g: readonly number[] })[] =
  [
    {
      name: "Conv",
      opType: "Conv",
      input: [1, 4, 5, 5],
      weight: [6, 4, 3, 3],
      output: [1, 6, 3, 3],
      g: [6, 1, 1, 1],
    },
    {
      name: "grouped Conv",
      opType: "Conv",
      input: [1, 4, 5, 5],
      weight: [6, 2, 3, 3],
      attributes: group(2),
      output: [1, 6, 3, 3],
      g: [6, 1, 1, 1],
    },
    {
      name: "Conv of one dimension",
      opType: "Conv",
      input: [1, 4, 5],
      weight: [6, 4, 3],
      output: [1, 6, 3],
      g: [6, 1, 1],
    },
    {
      name: "ConvTranspose",
      opType: "ConvTranspose",
      input: [1, 4, 3, 3],
      weight: [4, 6, 2, 2],
      output: [1, 6, 4, 4],
      g: [1, 6, 1, 1],
    },
    {
      name: "grouped ConvTranspose",
      opType: "ConvTranspose",
      input: [1, 4, 3, 3],
      weight: [4, 3, 2, 2],
      attributes: group(2),
      output: [1, 6, 4, 4],
      g: [2, 1, 3, 1, 1],
    },
    { name: "Gemm", opType: "Gemm", input: [2, 4], weight: [4, 3], output: [2, 3], g: [1, 3] },
    {
      name: "Gemm with transB",
      opType: "Gemm",
      input: [2, 4],
      weight: [3, 4],
      attributes: { attributes: { transB: { int: 1 } } },
      output: [2, 3],
      g: [3, 1],
    },
    {
      name: "MatMul",
      opType: "MatMul",
      input: [2, 5, 4],
      weight: [4, 3],
      output: [2, 5, 3],
      g: [1, 3],
    },
    {
      name: "MatMul of a stack",
      opType: "MatMul",
      input: [2, 5, 4],
      weight: [2, 4, 3],
      output: [2, 5, 3],
      g: [2, 1, 3],
    },
    {
      name: "MatMul with its weight on the left",
      opType: "MatMul",
      input: [2, 4, 5],
      weight: [3, 4],
      output: [2, 3, 5],
      left: true,
      g: [3, 1],
    },
    {
      name: "MatMul of operator set 7",
      opType: "MatMul",
      input: [2, 4],
      weight: [4, 3],
      output: [2, 3],
      opset: 7,
      g: [1, 3],
    },
    {
      name: "Gemm of operator set 20",
      opType: "Gemm",
      input: [2, 4],
      weight: [4, 3],
      output: [2, 3],
      opset: 20,
      g: [1, 3],
    },
    {
      name: "Gemm in float64",
      opType: "Gemm",
      input: [2, 4],
      weight: [4, 3],
      output: [2, 3],
      dataType: DataType.DOUBLE,
      g: [1, 3],
    },
    {
      name: "Gemm in float16",
      opType: "Gemm",
      input: [2, 4],
      weight: [4, 3],
      output: [2, 3],
      dataType: DataType.FLOAT16,
      g: [1, 3],
    },
  ];

describe("apply-weight-norm, start keep", () => {
  test.each(LAYERS)("$name keeps its function and comes back to the bit", async (layer) => {
    const graph = layerModel(layer);
    const { graph: normalized, applied } = applyWeightNorm.apply(graph, undefined, KEEP);
    expect(applied).toEqual([{ node: "layer", into: "layer" }]);
    expect(verify(normalized)).toEqual([]);
    const g = normalized.initializers.get("w_g") as Tensor;
    expect(g.dims).toEqual(layer.g);
    expect(g.dataType).toBe(layer.dataType ?? DataType.FLOAT);
    expect(normalized.initializers.get("w")).toBe(graph.initializers.get("w"));
    expect(await differenceInRuntime(graph, normalized)).toBeLessThanOrEqual(1);

    const removed = removeWeightNorm.apply(normalized, undefined, {});
    expect(removed.applied).toHaveLength(1);
    expect(encodeModel(removed.graph)).toEqual(encodeModel(graph));
  });

  test.each(LAYERS)("$name: the units are the ones the layer has", async (layer) => {
    // Scaling one unit's g scales exactly one channel of the result, by as much.
    const graph = layerModel(layer);
    const { graph: normalized } = applyWeightNorm.apply(graph, undefined, KEEP);
    const g = normalized.initializers.get("w_g") as Tensor;
    const norms = readFloat64(g).slice();
    norms[norms.length - 1] = 3 * (norms.at(-1) as number);
    const changed = roundedTensor("w_g", g.dims, g.dataType, norms);
    const scaled = {
      ...normalized,
      initializers: new Map(normalized.initializers).set("w_g", changed),
    };
    const folded = removeWeightNorm.apply(scaled, undefined, {}).graph;
    expect(await differenceInRuntime(scaled, folded)).toBeLessThanOrEqual(1);
    const before = readFloat64(graph.initializers.get("w") as Tensor);
    const after = readFloat64(folded.initializers.get("w") as Tensor);
    const moved = [...before].map((value, i) => Math.abs((after[i] as number) / value - 3) < 4e-3);
    expect(moved.filter(Boolean)).toHaveLength(before.length / norms.length);
    expect([...before].every((value, i) => moved[i] || after[i] === value)).toBe(true);
  });

  test.each(["digits-cnn", "digits-mlp", "narrow-resnet", "narrow-mobilenetv2"])(
    "%s: certificate there and back, and the file's bytes again",
    async (name) => {
      const graph = await readModel(join(SAMPLES, `${name}.onnx`));
      const applied = applyWeightNorm.apply(graph, undefined, KEEP);
      expect(verify(applied.graph)).toEqual([]);
      const certificate = await certify({
        before: graph,
        after: applied.graph,
        siteOutputs: applied.siteOutputs,
        runtime: await loadRuntime(),
      });
      expect(certificate.pass, certificate.sentence).toBe(true);
      const removed = removeWeightNorm.apply(applied.graph, undefined, {});
      expect(encodeModel(removed.graph)).toEqual(encodeModel(graph));
    },
  );

  test.each(["carried-along", "float-data", "opset9-ir3", "external/external-data"])(
    "%s: the weight stays as the file stores it",
    async (name) => {
      const graph = await readModel(join(FIXTURES, `${name}.onnx`));
      const { graph: normalized } = applyWeightNorm.apply(graph, undefined, KEEP);
      const { graph: removed } = removeWeightNorm.apply(normalized, undefined, {});
      for (const [tensor, stored] of graph.initializers) {
        expect(removed.initializers.get(tensor), tensor).toBe(stored);
      }
    },
  );

  test("BatchNorm folds after g and v were multiplied back", async () => {
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    const { graph: normalized } = applyWeightNorm.apply(graph, undefined, KEEP);
    const [reason] = foldBatchNorm
      .find(normalized, {})
      .flatMap((site) => (site.applicable ? [] : [site.reason]));
    expect(reason).toContain("known only at run time");
    const back = removeWeightNorm.apply(normalized, undefined, {}).graph;
    expect(foldBatchNorm.apply(back, undefined, {}).applied).toHaveLength(3);
  });

  test("layers that share a weight share g and v", async () => {
    const builder = new GraphBuilder(["x"]);
    builder.addInitializer(float32Tensor("w", [3, 3], Float32Array.from(numbers([3, 3], 5).data)));
    const first = builder.add("MatMul", ["x", "w"], { name: "first" });
    const second = builder.add("MatMul", [first, "w"], { name: "second" });
    const info = (name: string) => makeValueInfo(name, DataType.FLOAT, [2, 3]);
    const graph = builder.build("shared", [info("x")], [info(second)], 17);
    const both = applyWeightNorm.apply(graph, undefined, KEEP).graph;
    expect(both.nodes.map(({ opType }) => opType)).toEqual([
      "ReduceL2",
      "Div",
      "Mul",
      "MatMul",
      "MatMul",
    ]);
    expect(await differenceInRuntime(graph, both)).toBeLessThanOrEqual(1);
    expect(encodeModel(removeWeightNorm.apply(both, undefined, {}).graph)).toEqual(
      encodeModel(graph),
    );

    const one = applyWeightNorm.apply(graph, ["second"], KEEP).graph;
    expect(one.nodes[0]?.input).toEqual(["x", "w"]);
    expect(verify(one)).toEqual([]);
    const back = removeWeightNorm.apply(one, undefined, {}).graph;
    expect([...back.initializers.keys()]).toEqual(["w", "w_folded"]);
    expect(await differenceInRuntime(graph, back)).toBeLessThanOrEqual(1);
  });

  test("a unit without direction is refused by name, and nothing is changed", () => {
    const [layer] = LAYERS.filter(({ name }) => name === "Gemm");
    const refusal = (values: number[]) => () =>
      applyWeightNorm.apply(layerModel(layer as LayerOptions, values), undefined, KEEP);
    const zero = numbers([4, 3], 1).data;
    const row = (value: number) => Array.from(zero, (each, i) => (i % 3 === 1 ? value : each));
    expect(refusal(row(0))).toThrow(
      "Gemm layer: all weights of output unit 1 are zero, so that v/‖v‖ has no direction",
    );
    expect(refusal(row(1e-30))).toThrow("output unit 1 has a norm of 2.00e-30");
    expect(refusal(row(Number.NaN))).toThrow("output unit 1 has a weight that is not finite");
  });

  test("what cannot be written so is left with its reason", async () => {
    const reasons = async (file: string) =>
      applyWeightNorm
        .find(await readModel(join(FIXTURES, `${file}.onnx`)), KEEP)
        .map((site) => (site.applicable ? site.title : site.reason));
    expect(await reasons("runtime-weight")).toEqual([
      expect.stringContaining("known only at run time"),
    ]);
    expect(await reasons("overridable-weight")).toEqual([expect.stringContaining("overridden")]);
    expect(await reasons("opset6")).toEqual([expect.stringContaining("operator set 6")]);
    expect(await reasons("quantized-conv-bn")).toEqual([
      expect.stringContaining("DequantizeLinear"),
    ]);
    expect(await reasons("weight-norm-function-script")).toEqual(
      new Array(5).fill(expect.stringContaining("g·v/‖v‖ already")),
    );
  });
});

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
