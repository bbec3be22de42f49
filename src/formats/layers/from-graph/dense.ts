import { floatAttribute, intAttribute } from "../../../graph/attributes.ts";
import { constantValue } from "../../../graph/constants.ts";
import { elementCount, type Tensor } from "../../../graph/tensor.ts";
import type { NodeCall } from "./node-call.ts";
import type { NodeWriter } from "./node-writer.ts";
import { unwritable } from "./unwritable.ts";
import { floats, requireFloat, turnedWeight, vectorWeight, weight, withDims } from "./weights.ts";
import type { WrittenWeight } from "./written-layer.ts";
import type { WrittenValue } from "./written-value.ts";

/** Y = alpha·A·B + beta·C with constant B (in, out) or, with transB, (out, in). */
function gemm(call: NodeCall): WrittenValue {
  const { node } = call;
  if (intAttribute(node, "transA", 0) !== 0)
    unwritable("it multiplies from the other side (transA)");
  const value = call.shuffledInput(0);
  const stored = call.weight(1, "weight");
  const byRows = intAttribute(node, "transB", 0) === 0;
  const kernel = byRows ? stored : turnedWeight("kernel", stored, [1, 0]).tensor;
  const scaled = times(kernel, floatAttribute(node, "alpha", 1));
  const beta = floatAttribute(node, "beta", 1);
  const units = kernel.dims[1] ?? 1;
  const bias = call.has(2) && beta !== 0 ? times(call.weight(2, "bias"), beta) : undefined;
  return dense(call, value, scaled, bias && vectorWeight("bias", bias, units));
}

/** Y = A·B over A's last axis, with constant B (in, out). An Add of a vector behind it is its bias. */
function matMul(call: NodeCall): WrittenValue {
  const kernel = call.constant(1);
  if (kernel === undefined || kernel.dims.length !== 2) {
    unwritable("no layer multiplies two matrices that are computed");
  }
  const value = call.shuffledInput(0);
  const units = kernel.dims[1] ?? 1;
  const reader = call.onlyReader;
  const bias = reader?.opType === "Add" ? vectorBeside(call, reader.input, units) : undefined;
  const result = dense(call, value, kernel, bias && vectorWeight("bias", bias, units));
  if (reader !== undefined && bias !== undefined) call.absorb(reader, result);
  return result;
}

/** The constant that is added, where it counts for the last axis only. */
function vectorBeside(call: NodeCall, inputs: readonly string[], units: number) {
  const constants = inputs.map((name) => constantValue(call.graph, name));
  const tensor = constants.find((each) => each !== undefined);
  const last = tensor?.dims.at(-1) ?? 1;
  const fits = tensor && elementCount(tensor.dims) === last && (last === units || last === 1);
  return fits ? tensor : undefined;
}

/** Elements that were flattened in another order meet the kernel's rows in that order. */
function dense(
  call: NodeCall,
  value: WrittenValue,
  kernel: Tensor,
  bias: WrittenWeight | undefined,
): WrittenValue {
  requireFloat(kernel);
  const last = value.shape.length - 1;
  const [features = 1, units = 1] = kernel.dims;
  const { shuffled, axes } = value;
  const order = axes.at(-1) === last ? axes : [...axes.filter((axis) => axis !== last), last];
  const placed = order === axes ? value : call.arranged(value, order);
  const shape = value.shape.with(last, units);
  const rows = shuffled === undefined ? kernel : withRows(kernel, shuffled);
  const weights = [{ name: "kernel", tensor: withDims(rows, [features, units]) }];
  return call.layer(
    "Dense",
    [placed],
    { shape, axes: order },
    {
      config: { units, use_bias: bias !== undefined, activation: "linear" },
      weights: bias === undefined ? weights : [...weights, bias],
    },
  );
}

function withRows(kernel: Tensor, rows: readonly number[]): Tensor {
  const [, units = 1] = kernel.dims;
  return weight(kernel.name, kernel.dims, () => {
    const numbers = floats(kernel);
    const moved = new Float32Array(numbers.length);
    for (const [to, from] of rows.entries()) {
      moved.set(numbers.subarray(from * units, (from + 1) * units), to * units);
    }
    return moved;
  }).tensor;
}

function times(tensor: Tensor, factor: number): Tensor {
  if (factor === 1) return tensor;
  requireFloat(tensor);
  return weight(tensor.name, tensor.dims, () => floats(tensor).map((value) => value * factor))
    .tensor;
}

export const denseWriters: readonly NodeWriter[] = [
  { opTypes: ["Gemm"], write: gemm },
  { opTypes: ["MatMul"], write: matMul },
];
