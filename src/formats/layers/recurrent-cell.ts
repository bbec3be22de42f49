import type { AttributeValue } from "../../graph/attributes.ts";
import { isObject } from "./json.ts";
import type { LayerCall } from "./layer-call.ts";
import type { WeightLayout } from "./weight-layout.ts";
import { permuted } from "./weight-layout.ts";

/** A recurrent layer's cell, as Keras and as ONNX have it. */
export interface Cell {
  readonly opType: "LSTM" | "GRU" | "RNN";
  /**
   * For each gate of ONNX, which gate of Keras it is. Keras: LSTM i, f, c, o and GRU z, r, h; ONNX:
   * LSTM i, o, f, c and GRU z, r, h.
   */
  readonly gates: readonly number[];
  /** Names of the fields for the activations that ONNX lists, with their defaults. */
  readonly activations: readonly (readonly [field: string, fallback: string])[];
  /** h, and for LSTM c. */
  readonly states: 1 | 2;
}

const CELLS: ReadonlyMap<string, Cell> = new Map([
  [
    "LSTM",
    {
      opType: "LSTM",
      gates: [0, 3, 1, 2],
      activations: [
        ["recurrent_activation", "hard_sigmoid"],
        ["activation", "tanh"],
        ["activation", "tanh"],
      ],
      states: 2,
    },
  ],
  [
    "GRU",
    {
      opType: "GRU",
      gates: [0, 1, 2],
      activations: [
        ["recurrent_activation", "hard_sigmoid"],
        ["activation", "tanh"],
      ],
      states: 1,
    },
  ],
  ["RNN", { opType: "RNN", gates: [0], activations: [["activation", "tanh"]], states: 1 }],
]);

const CLASSES: Readonly<Record<string, string>> = {
  LSTM: "LSTM",
  CuDNNLSTM: "LSTM",
  GRU: "GRU",
  SimpleRNN: "RNN",
};

export const CELL_CLASSES: readonly string[] = ["LSTM", "GRU", "SimpleRNN"];

export function cellOf(className: string): Cell | undefined {
  return CELLS.get(CLASSES[className] ?? "");
}

interface OnnxActivation {
  readonly name: string;
  readonly alpha?: number;
  readonly beta?: number;
}

const SIGMOID_LINE = { name: "HardSigmoid", beta: 0.5 };

/** Activations of Keras by name, without underscores and in lower case. */
function onnxActivation(call: LayerCall, key: string): OnnxActivation | undefined {
  switch (key) {
    case "tanh":
      return { name: "Tanh" };
    case "sigmoid":
      return { name: "Sigmoid" };
    case "relu":
      return { name: "Relu" };
    // clip(0.2·x + 0.5, 0, 1) up to Keras 2 and in TensorFlow.js; relu6(x + 3)/6 from Keras 3 on.
    case "hardsigmoid":
      return { ...SIGMOID_LINE, alpha: call.context.dialect === "keras3" ? 1 / 6 : 0.2 };
    case "linear":
      return { name: "Affine", alpha: 1, beta: 0 };
    case "elu":
      return { name: "Elu", alpha: 1 };
    case "softsign":
      return { name: "Softsign" };
    case "softplus":
      return { name: "Softplus" };
    default:
      return undefined;
  }
}

/** The attribute that lists the activations; none for the defaults of ONNX. */
export function activationAttributes(call: LayerCall, cell: Cell): Record<string, AttributeValue> {
  const found = cell.activations.map(([field, fallback]) => {
    const stated = call.fields.value(field) ?? fallback;
    const name = isObject(stated) ? (stated.class_name ?? stated.registered_name) : stated;
    const key = typeof name === "string" ? name.toLowerCase().replaceAll("_", "") : "";
    const activation = onnxActivation(call, key);
    if (activation === undefined) {
      call.cannotExpress(`its ${field} ${JSON.stringify(stated)} is none that ONNX has for it`);
    }
    return activation as OnnxActivation;
  });
  const names = found.map(({ name }) => name);
  if (
    names.every(
      (name, index) =>
        name === (cell.activations[index]?.[0] === "activation" ? "Tanh" : "Sigmoid"),
    )
  ) {
    return {};
  }
  const numbers = (pick: (each: OnnxActivation) => number | undefined) =>
    found.map(pick).filter((value) => value !== undefined);
  const [alphas, betas] = [numbers(({ alpha }) => alpha), numbers(({ beta }) => beta)];
  return {
    activations: { strings: names },
    ...(alphas.length > 0 ? { activation_alpha: { floats: alphas } } : {}),
    ...(betas.length > 0 ? { activation_beta: { floats: betas } } : {}),
  };
}

/** (inputs, gates·units) as ONNX has it, (1, gates·units, inputs) with the gates in its order. */
export function gateKernel({ gates }: Cell): WeightLayout {
  const turned = permuted([1, 0], (dims) => [1, ...dims]);
  return {
    dims: turned.dims,
    storedDims: () => undefined,
    toGraph: (bytes, stored, size) => reordered(turned.toGraph(bytes, stored, size), gates),
    toFile: (bytes, stored, size) => turned.toFile(reordered(bytes, inverse(gates)), stored, size),
  };
}

/** (gates·units) as a row, (1, gates·units), with the gates in the order of ONNX. */
export function gateBias({ gates }: Cell): WeightLayout {
  return {
    dims: (stored) => [1, ...stored],
    storedDims: () => undefined,
    toGraph: (bytes) => reordered(bytes, gates),
    toFile: (bytes) => reordered(bytes, inverse(gates)),
  };
}

function inverse(order: readonly number[]): number[] {
  return order.map((_, index) => order.indexOf(index));
}

/** Equal parts in another order: part i of the result is part order[i]. */
function reordered(bytes: Uint8Array, order: readonly number[]): Uint8Array {
  if (order.every((part, index) => part === index)) return bytes;
  const length = bytes.length / order.length;
  const result = new Uint8Array(bytes.length);
  for (const [index, part] of order.entries()) {
    result.set(bytes.subarray(part * length, (part + 1) * length), index * length);
  }
  return result;
}
