import { type Random, seededRandom } from "../../../../src/data/random.ts";
import { GraphBuilder, makeValueInfo } from "../../../../src/graph/builder.ts";
import { DataType } from "../../../../src/graph/data-type.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { elementCount, float32Tensor } from "../../../../src/graph/tensor.ts";

/** A layer with a BatchNorm behind or before it, small, and with as many inputs as outputs. */
export interface LayerModel {
  readonly graph: Graph;
  /** The axis of the weight along which the BatchNorm's channels lie, and the other one. */
  readonly axis: 0 | 1;
}

/** Channels on both sides of the layer, so that a scale fits either axis of its weight. */
const CHANNELS = 6;
const BATCH = 3;
const SIZE = 5;

export const LAYERS: Readonly<Record<string, (seed: number) => LayerModel>> = {
  "ConvTranspose, then BatchNorm": (seed) => backward(seed, "ConvTranspose"),
  "Gemm, then BatchNorm": (seed) => backward(seed, "Gemm"),
  "MatMul, then BatchNorm": (seed) => backward(seed, "MatMul"),
  "MatMul and Add, then BatchNorm": (seed) => backward(seed, "MatMul", "Add"),
  "BatchNorm, then Conv": (seed) => forward(seed, "Conv"),
  "BatchNorm, then Gemm": (seed) => forward(seed, "Gemm"),
  "BatchNorm, then MatMul": (seed) => forward(seed, "MatMul"),
};

type OpType = "Conv" | "ConvTranspose" | "Gemm" | "MatMul";

class LayerBuilder {
  readonly builder = new GraphBuilder(["x"]);
  readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(seed, "layer model");
  }

  tensor(name: string, dims: readonly number[], draw = () => this.random.normal()): string {
    const values = Float32Array.from({ length: elementCount(dims) }, draw);
    return this.builder.addInitializer(float32Tensor(name, dims, values));
  }

  batchNorm(value: string): string {
    const { random } = this;
    const magnitude = () => 0.5 + random.uniform();
    const parameters = [
      this.tensor("gamma", [CHANNELS], () => (random.below(2) === 0 ? -1 : 1) * magnitude()),
      this.tensor("beta", [CHANNELS]),
      this.tensor("mean", [CHANNELS]),
      this.tensor("variance", [CHANNELS], () => 0.05 + random.uniform()),
    ];
    const attributes = { epsilon: { float: 1e-3 } };
    const options = { name: "bn", stem: "normalized", attributes };
    return this.builder.add("BatchNormalization", [value, ...parameters], options);
  }

  layer(opType: OpType, value: string, transposed: boolean): string {
    const kernel = opType === "Conv" || opType === "ConvTranspose" ? [2, 2] : [];
    const weight = this.tensor("weight", [CHANNELS, CHANNELS, ...kernel]);
    const bias = opType === "MatMul" ? [] : [this.tensor("bias", [CHANNELS])];
    const alphaAndBeta = { alpha: { float: 0.5 }, beta: { float: 2 } };
    const attributes = { transB: { int: transposed ? 1 : 0 }, ...alphaAndBeta };
    const options = { name: "layer", stem: "result", ...(opType === "Gemm" && { attributes }) };
    return this.builder.add(opType, [value, weight, ...bias], options);
  }

  finished(output: string, data: readonly number[], result: readonly number[]): Graph {
    const info = (name: string, dims: readonly number[]) =>
      makeValueInfo(name, DataType.FLOAT, dims);
    return this.builder.build("layer", [info("x", data)], [info(output, result)], 17);
  }
}

function backward(seed: number, opType: OpType, added?: "Add"): LayerModel {
  const model = new LayerBuilder(seed);
  const transposed = opType === "Gemm" && seed % 2 === 1;
  let value = model.layer(opType, "x", transposed);
  if (added !== undefined)
    value = model.builder.add(added, [value, model.tensor("bias", [CHANNELS])]);
  const spatial = opType === "ConvTranspose";
  const dims = [BATCH, CHANNELS, ...(spatial ? [SIZE, SIZE] : [])];
  const result = [BATCH, CHANNELS, ...(spatial ? [SIZE + 1, SIZE + 1] : [])];
  return {
    graph: model.finished(model.batchNorm(value), dims, result),
    axis: transposed ? 0 : 1,
  };
}

function forward(seed: number, opType: OpType): LayerModel {
  const model = new LayerBuilder(seed);
  const transposed = opType === "Gemm" && seed % 2 === 1;
  const output = model.layer(opType, model.batchNorm("x"), transposed);
  const spatial = opType === "Conv";
  const dims = [BATCH, CHANNELS, ...(spatial ? [SIZE, SIZE] : [])];
  const result = [BATCH, CHANNELS, ...(spatial ? [SIZE - 1, SIZE - 1] : [])];
  return {
    graph: model.finished(output, dims, result),
    axis: spatial || transposed ? 1 : 0,
  };
}
