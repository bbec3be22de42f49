import { describe, expect, it } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { momentsOf, standardDeviation } from "../../../src/statistics/moments.ts";
import { freshParameters, freshStates } from "../../../src/training/initialize.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";

async function fresh(path: string, seed = 0) {
  const graph = await readModel(path);
  return { graph, values: freshParameters(graph, trainableParameters(graph), seed) };
}

const spread = (values: Float32Array | undefined) =>
  standardDeviation(momentsOf(values ?? new Float32Array()));

describe("fresh weights", () => {
  it("before a ReLU have variance 2/fanIn; BatchNorm starts as identity", async () => {
    const { graph, values } = await fresh("media/samples/digits-cnn.onnx");
    expect(spread(values.get("conv3.weight"))).toBeCloseTo(Math.sqrt(2 / (32 * 9)), 2);
    expect(spread(values.get("conv2.weight"))).toBeCloseTo(Math.sqrt(2 / (16 * 9)), 2);
    expect(new Set(values.get("bn1.weight"))).toEqual(new Set([1]));
    expect(new Set(values.get("bn1.bias"))).toEqual(new Set([0]));
    const stored = new Map([
      ["bn2.running_mean", new Float32Array(32).fill(7)],
      ["bn2.running_var", new Float32Array(32).fill(7)],
    ]);
    const states = freshStates(graph, stored);
    expect([...states.values()].map((state) => [...new Set(state)])).toEqual([[0], [1]]);
  });

  it("before a sigmoid and at the end are uniform within √(6/(fanIn + fanOut))", async () => {
    const { values } = await fresh("media/samples/digits-mlp.onnx");
    for (const [name, sum] of [
      ["fc1.weight", 164],
      ["fc2.weight", 200],
      ["fc4.weight", 110],
    ] as const) {
      const limit = Math.sqrt(6 / sum);
      const { max, min } = momentsOf(values.get(name) ?? new Float32Array());
      expect(max / limit).toBeGreaterThan(0.99);
      expect(max / limit).toBeLessThanOrEqual(1 + 1e-6);
      expect(-min / limit).toBeGreaterThan(0.99);
      expect(spread(values.get(name))).toBeCloseTo(limit / Math.sqrt(3), 2);
    }
    expect(new Set(values.get("fc1.bias"))).toEqual(new Set([0]));
  });

  it("repeat for a seed", async () => {
    const path = "media/samples/digits-mlp.onnx";
    expect((await fresh(path, 5)).values).toEqual((await fresh(path, 5)).values);
    expect((await fresh(path, 5)).values).not.toEqual((await fresh(path, 6)).values);
  });
});

describe("parameters", () => {
  /** x − mean → MatMul with g·v/‖v‖ → + bias → · 0.5 */
  function weightNormModel() {
    const builder = new GraphBuilder(["x"]);
    const add = (name: string, dims: number[], value: number) =>
      builder.addInitializer(
        float32Tensor(name, dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(value)),
      );
    add("mean image", [4], 1);
    add("v", [4, 3], 1);
    add("g", [1, 3], 1);
    add("bias", [3], 0);
    const centred = builder.add("Add", ["x", "mean image"]);
    const norm = builder.add("ReduceL2", ["v", builder.ints([0])]);
    const direction = builder.add("Div", ["v", norm]);
    const weight = builder.add("Mul", ["g", direction]);
    const product = builder.add("MatMul", [centred, weight]);
    const shifted = builder.add("Add", [product, "bias"]);
    const output = builder.add("Mul", [shifted, builder.scalar(0.5)]);
    return builder.build(
      "weight norm",
      [makeValueInfo("x", DataType.FLOAT, ["N", 4])],
      [makeValueInfo(output, DataType.FLOAT, ["N", 3])],
      18,
    );
  }

  it("are found behind weight normalization; preprocessing and scalars are none", () => {
    const names = trainableParameters(weightNormModel()).map((parameter) => parameter.name);
    expect(names.toSorted()).toEqual(["bias", "g", "v"]);
  });

  it("the one bias of a layer with one output is trained", () => {
    const builder = new GraphBuilder(["x"]);
    builder.addInitializer(float32Tensor("weight", [1, 4], new Float32Array(4).fill(1)));
    builder.addInitializer(float32Tensor("bias", [1], [0]));
    const output = builder.add("Gemm", ["x", "weight", "bias"], {
      attributes: { transB: { int: 1 } },
    });
    const graph = builder.build(
      "regression",
      [makeValueInfo("x", DataType.FLOAT, ["N", 4])],
      [makeValueInfo(output, DataType.FLOAT, ["N", 1])],
      18,
    );
    expect(trainableParameters(graph).map(({ name }) => name)).toEqual(["weight", "bias"]);
  });

  it("of a weight normalization start with g = ‖v‖", () => {
    const graph = weightNormModel();
    const values = freshParameters(graph, trainableParameters(graph), 0);
    const v = values.get("v") ?? new Float32Array();
    const norms = [0, 1, 2].map((unit) =>
      Math.hypot(...[0, 1, 2, 3].map((row) => v[row * 3 + unit] ?? 0)),
    );
    for (const [unit, norm] of norms.entries()) {
      expect(values.get("g")?.[unit]).toBeCloseTo(norm, 5);
    }
  });
});
