import { findAttribute, intAttribute, stringAttribute } from "../../../graph/attributes.ts";
import { constantValue } from "../../../graph/constants.ts";
import { indexOf } from "../../../graph/index.ts";
import { messageTensor } from "../../../graph/message-tensor.ts";
import { readFloat64 } from "../../../graph/numbers.ts";
import type { Tensor } from "../../../graph/tensor.ts";
import type { JsonObject } from "../json.ts";
import { cropped } from "./cropping.ts";
import type { NodeCall } from "./node-call.ts";
import type { NodeWriter } from "./node-writer.ts";
import { unwritable } from "./unwritable.ts";
import { floats, requireFloat, weight } from "./weights.ts";
import type { WrittenWeight } from "./written-layer.ts";
import type { WrittenValue } from "./written-value.ts";

interface RecurrentKind {
  readonly className: string;
  /** The gates in the order of Keras, by their places in ONNX's. */
  readonly gates: readonly number[];
  /** Activations of one direction as ONNX has them when it states none. */
  readonly activations: readonly string[];
  /** The outputs of states that the layers do not have. */
  readonly hiddenStates: readonly number[];
}

/** ONNX: i, o, f, c; Keras: i, f, c, o. */
const LSTM: RecurrentKind = {
  className: "LSTM",
  gates: [0, 2, 3, 1],
  activations: ["Sigmoid", "Tanh", "Tanh"],
  hiddenStates: [2],
};

/** z, r, h in both. */
const GRU: RecurrentKind = {
  className: "GRU",
  gates: [0, 1, 2],
  activations: ["Sigmoid", "Tanh"],
  hiddenStates: [],
};

const RNN: RecurrentKind = {
  className: "SimpleRNN",
  gates: [0],
  activations: ["Tanh"],
  hiddenStates: [],
};

/** (T, N, C) whose layers read (N, T, C); a node for both directions is a Bidirectional. */
function recurrent(kind: RecurrentKind): (call: NodeCall) => WrittenValue | undefined {
  return (call) => {
    const { node } = call;
    requirePlain(call, kind);
    const value = call.input(0);
    const batchFirst = intAttribute(node, "layout", 0) === 1;
    if (batchFirst) unwritable("its sequences lie in the order of layout 1");
    const kernel = call.weight(1, "kernel");
    requireFloat(kernel);
    const [directions = 1] = kernel.dims;
    const units = intAttribute(node, "hidden_size", 1);
    const sequences = (node.output[0] ?? "") !== "" && isRead(call, node.output[0] ?? "");
    const placed = call.arranged(value, [1, 0, 2]);
    const [length = 1, batch = "N"] = value.shape;
    const width = units * directions;
    const config = configOf(call, kind, units, sequences);
    const parts = Array.from({ length: directions }, (_, direction) =>
      directionWeights(call, kind, direction, units),
    );
    const layer = call.list.add({
      ...layerOf(kind.className, config, parts),
      stem: call.stem,
      inputs: [placed.layer],
      shape: sequences ? [batch, length, width] : [batch, width],
    });
    return defineOutputs(call, { layer, sequences, directions, units, length, batch });
  };
}

interface Written {
  readonly layer: string;
  readonly sequences: boolean;
  readonly directions: number;
  readonly units: number;
  readonly length: number | string;
  readonly batch: number | string;
}

/** Y (T, directions, N, H) and the last state Y_h (directions, N, H). */
function defineOutputs(call: NodeCall, written: Written): WrittenValue | undefined {
  const { layer, sequences, directions, units, length, batch } = written;
  const both = directions === 2;
  const states = [directions, batch, units];
  if (!sequences) {
    const apart = both ? call.list.reshape(layer, [batch, directions, units]) : layer;
    call.define({ layer: apart, shape: states, axes: both ? [1, 0, 2] : [1, 2] }, 1);
    return undefined;
  }
  const shape = [length, directions, batch, units];
  const apart = both ? call.list.reshape(layer, [batch, length, directions, units]) : layer;
  const all: WrittenValue = { layer: apart, shape, axes: both ? [2, 0, 1, 3] : [2, 0, 3] };
  if (!isRead(call, call.node.output[1] ?? "")) return all;
  if (both) unwritable("it returns all states and the last ones of both directions");
  const last = cropped(call, all, 0, Number(length) - 1, 0);
  const kept = call.arranged(last, [2, 3]);
  call.define({ ...kept, shape: states, axes: [1, 2] }, 1);
  return all;
}

function isRead(call: NodeCall, name: string): boolean {
  const index = indexOf(call.graph);
  return name !== "" && (index.uses(name).length > 0 || index.isOutput(name));
}

function requirePlain(call: NodeCall, kind: RecurrentKind): void {
  const { node } = call;
  const direction = stringAttribute(node, "direction", "forward");
  if (direction === "reverse") unwritable("it runs backwards only");
  if (findAttribute(node, "clip") !== undefined) unwritable("it clips its gates");
  const stated = findAttribute(node, "activations")?.strings.map((text) =>
    new TextDecoder().decode(text),
  );
  const usual =
    direction === "bidirectional" ? [...kind.activations, ...kind.activations] : kind.activations;
  if (stated !== undefined && stated.length > 0 && `${stated}` !== `${usual}`) {
    unwritable(`its activations are ${stated.join(", ")}`);
  }
  if (call.has(4)) unwritable("it has sequences of different lengths");
  if (call.has(7)) unwritable("it has peepholes");
  for (const state of [5, 6]) {
    if (call.has(state) && !isZero(call, call.node.input[state] ?? "", 0)) {
      unwritable("its first state is not zero");
    }
  }
  for (const output of kind.hiddenStates) {
    if (isRead(call, node.output[output] ?? "")) unwritable("its cell state is read");
  }
}

/** Zeros of whatever size, as exporters compute a first state. */
function isZero(call: NodeCall, name: string, depth: number): boolean {
  const constant = constantValue(call.graph, name);
  if (constant !== undefined) return readFloat64(constant).every((number) => number === 0);
  const node = indexOf(call.graph).producer(name);
  if (node === undefined || depth > 16) return false;
  if (node.opType === "ConstantOfShape") {
    const value = findAttribute(node, "value")?.t;
    return value === undefined || readFloat64(messageTensor(value)).every((number) => number === 0);
  }
  const passes = [
    "Expand",
    "Slice",
    "Reshape",
    "Unsqueeze",
    "Squeeze",
    "Transpose",
    "Identity",
    "Cast",
  ];
  return passes.includes(node.opType) && isZero(call, node.input[0] ?? "", depth + 1);
}

function configOf(
  call: NodeCall,
  { className }: RecurrentKind,
  units: number,
  sequences: boolean,
): JsonObject {
  const after = intAttribute(call.node, "linear_before_reset", 0) === 1;
  if (className === "GRU" && after && call.forTfjs) {
    unwritable(
      "it resets after its matrix product (linear_before_reset), which TensorFlow.js cannot",
    );
  }
  return {
    units,
    activation: "tanh",
    ...(className === "SimpleRNN" ? {} : { recurrent_activation: "sigmoid" }),
    use_bias: true,
    return_sequences: sequences,
    return_state: false,
    go_backwards: false,
    stateful: false,
    unroll: false,
    ...(className === "LSTM" ? { unit_forget_bias: false } : {}),
    ...(className === "GRU" ? { reset_after: after } : {}),
  };
}

/** kernel (C, g·H), recurrent_kernel (H, g·H) and bias of W (g·H, C), R (g·H, H) and B (2·g·H). */
function directionWeights(
  call: NodeCall,
  { className, gates }: RecurrentKind,
  direction: number,
  units: number,
): WrittenWeight[] {
  const count = gates.length;
  const turned = (name: string, tensor: Tensor) => {
    requireFloat(tensor);
    const columns = tensor.dims[2] ?? 1;
    return weight(name, [columns, count * units], () => {
      const rows = count * units;
      const numbers = floats(tensor).subarray(
        direction * rows * columns,
        (direction + 1) * rows * columns,
      );
      return Float32Array.from({ length: numbers.length }, (_, place) => {
        const [column, row] = [Math.floor(place / rows), place % rows];
        const source = (gates[Math.floor(row / units)] ?? 0) * units + (row % units);
        return numbers[source * columns + column] ?? 0;
      });
    });
  };
  const biases = call.has(3) ? call.weight(3, "bias") : undefined;
  if (biases !== undefined) requireFloat(biases);
  const part = (second: number, row: number) => {
    const source = (gates[Math.floor(row / units)] ?? 0) * units + (row % units);
    return source + second * count * units + direction * 2 * count * units;
  };
  const rows = count * units;
  const after = className === "GRU" && intAttribute(call.node, "linear_before_reset", 0) === 1;
  const bias = weight("bias", after ? [2, rows] : [rows], () => {
    const numbers =
      biases === undefined ? new Float32Array(rows * 2 * (direction + 1)) : floats(biases);
    const at = (second: number, row: number) => numbers[part(second, row)] ?? 0;
    return after
      ? Float32Array.from({ length: 2 * rows }, (_, place) =>
          at(Math.floor(place / rows), place % rows),
        )
      : Float32Array.from({ length: rows }, (_, row) => at(0, row) + at(1, row));
  });
  return [
    turned("kernel", call.weight(1, "kernel")),
    turned("recurrent_kernel", call.weight(2, "recurrent kernel")),
    bias,
  ];
}

/** One direction is the layer itself; for both, a Bidirectional puts two results side by side. */
function layerOf(
  className: string,
  config: JsonObject,
  parts: readonly (readonly WrittenWeight[])[],
) {
  const [forward = [], backward] = parts;
  if (backward === undefined) return { className, config, weights: forward };
  const inner = className.toLowerCase();
  const named = (prefix: string, weights: readonly WrittenWeight[]) =>
    weights.map(({ name, tensor }) => ({ name: `${prefix}_${inner}/${name}`, tensor }));
  const layer = { class_name: className, config: { name: inner, trainable: true, ...config } };
  return {
    className: "Bidirectional",
    config: { layer, merge_mode: "concat" },
    weights: [...named("forward", forward), ...named("backward", backward)],
  };
}

export const recurrentWriters: readonly NodeWriter[] = [
  { opTypes: ["LSTM"], reads: () => [0], write: recurrent(LSTM) },
  { opTypes: ["GRU"], reads: () => [0], write: recurrent(GRU) },
  { opTypes: ["RNN"], reads: () => [0], write: recurrent(RNN) },
];
