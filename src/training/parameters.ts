import { DataType, dataTypeName, isFloatingPoint } from "../graph/data-type.ts";
import { fedValues } from "../graph/fed-values.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { nodeRole } from "../graph/node-role.ts";
import { readFloat64 } from "../graph/numbers.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import { noiseStrength } from "../operators/variational-dropout.ts";
import { weightNorms } from "./weight-norms.ts";

/**
 * What a parameter is to the operator that reads it; a weight that is normalized consists of its
 * magnitude g and its direction v, and noise is the log α of variational dropout.
 */
export type ParameterRole =
  | "weight"
  | "magnitude"
  | "direction"
  | "bias"
  | "scale"
  | "shift"
  | "slope"
  | "noise";

export interface Parameter {
  /** Name of the initializer. */
  readonly name: string;
  readonly dims: readonly number[];
  readonly role: ParameterRole;
  /** The first operator that reads it, and at which input. */
  readonly node: Node;
  readonly input: number;
  /** Read through other operators first, as weight normalization does. */
  readonly indirect: boolean;
}

/** A layer's weights; behind weight normalization their direction stands for them. */
export function isLayerWeight({ role }: Parameter): boolean {
  return role === "weight" || role === "direction";
}

/** Inputs at which an operator reads what training changes. Running statistics are not among them. */
const TRAINED_INPUTS: Readonly<Record<string, Readonly<Record<number, ParameterRole>>>> = {
  Conv: { 1: "weight", 2: "bias" },
  ConvTranspose: { 1: "weight", 2: "bias" },
  Gemm: { 0: "weight", 1: "weight", 2: "bias" },
  MatMul: { 0: "weight", 1: "weight" },
  Gather: { 0: "weight" },
  BatchNormalization: { 1: "scale", 2: "shift" },
  InstanceNormalization: { 1: "scale", 2: "shift" },
  LayerNormalization: { 1: "scale", 2: "shift" },
  GroupNormalization: { 1: "scale", 2: "shift" },
  RMSNormalization: { 1: "scale" },
  Einsum: { 0: "weight", 1: "weight" },
  LSTM: { 1: "weight", 2: "weight", 3: "bias", 7: "weight" },
  GRU: { 1: "weight", 2: "weight", 3: "bias" },
  RNN: { 1: "weight", 2: "weight", 3: "bias" },
  PRelu: { 1: "slope" },
  Add: { 0: "shift", 1: "shift" },
  Expand: { 0: "shift" },
  Concat: { 0: "shift", 1: "shift" },
  Mul: { 0: "scale", 1: "scale" },
};

/** Operators whose tensors may also be constants: of preprocessing, or of the architecture. */
const ARITHMETIC = new Set(["Add", "Mul"]);

/**
 * Operators that give every sample the same row to begin with: the class token of a ViT, a learned start
 * of an LSTM. What is trained there is stored under the name it has in PyTorch's model and for one
 * sample; zeros and grids that an exporter made have names of its own, such as "onnx::Expand_12".
 */
const PREPENDING = new Set(["Expand", "Concat"]);

function isLearnedRow({ name, dims }: Tensor): boolean {
  return (
    dims.length > 1 && dims[0] === 1 && /^[A-Za-z_][\w.]*$/.test(name) && !/^val_\d+$/.test(name)
  );
}

/**
 * The initializers that training changes: floating point, and read at a trained input, directly or
 * through operators on constants alone (Identity, Transpose, the g·v/‖v‖ of weight normalization).
 * A single number that is added or multiplied is a constant of the architecture, such as the 0.5 of a
 * GELU, unless it is a g; so are tensors that are added to or multiplied with the model's input, such
 * as the mean image. A layer of Keras that learns one number says so (role "learned-number"). The one bias of a layer with one output is trained like any other.
 *
 * In the order of the nodes that read them.
 */
export function trainableParameters(graph: Graph): readonly Parameter[] {
  const index = indexOf(graph);
  const fed = fedValues(graph);
  const normalized = new Map<string, ParameterRole>();
  for (const { magnitude, direction } of weightNorms(graph)) {
    normalized.set(magnitude, "magnitude").set(direction, "direction");
  }
  const parameters = new Map<string, Parameter>();
  for (const node of graph.nodes) {
    const name = noiseStrength(graph, node)?.logAlpha;
    const noise = name === undefined ? undefined : graph.initializers.get(name);
    if (noise !== undefined && !parameters.has(noise.name)) {
      const place = { role: "noise", node, input: 1, indirect: true } as const;
      parameters.set(noise.name, { name: noise.name, dims: noise.dims, ...place });
    }
    // What a whitening reads are running statistics, although its operator would train them.
    const learns = node.domain === "" && nodeRole(node) !== "whitening";
    const roles = learns ? TRAINED_INPUTS[node.opType] : undefined;
    if (roles === undefined || !node.input.some((value) => fed.has(value))) continue;
    if (
      ARITHMETIC.has(node.opType) &&
      node.input.some((value) => index.isInput(value) && fed.has(value))
    ) {
      continue;
    }
    for (const [position, ownRole] of Object.entries(roles)) {
      const input = Number(position);
      const value = node.input[input] ?? "";
      for (const name of initializersBehind(graph, value, fed)) {
        const tensor = graph.initializers.get(name) as Tensor;
        const indirect = name !== value;
        const role = (indirect ? normalized.get(name) : undefined) ?? ownRole;
        const scalar = ARITHMETIC.has(node.opType) && elementCount(tensor.dims) === 1;
        const learned = role === "magnitude" || nodeRole(node) === "learned-number";
        const constant = scalar && !learned;
        if (!isFloatingPoint(tensor.dataType) || constant || parameters.has(name)) continue;
        if (PREPENDING.has(node.opType) && !isLearnedRow(tensor)) continue;
        parameters.set(name, { name, dims: tensor.dims, role, node, input, indirect });
      }
    }
  }
  return [...parameters.values()];
}

function initializersBehind(graph: Graph, value: string, fed: ReadonlySet<string>): string[] {
  const found = new Set<string>();
  const open = fed.has(value) ? [] : [value];
  const seen = new Set(open);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (graph.initializers.has(name)) found.add(name);
    const producer = indexOf(graph).producer(name);
    // The strength of noise says how it trains and is no part of the value.
    const noise = producer === undefined ? undefined : noiseStrength(graph, producer);
    for (const input of noise === undefined ? (producer?.input ?? []) : [noise.value]) {
      if (!seen.has(input)) open.push(input);
      seen.add(input);
    }
  }
  return [...found];
}

/** The parameters' numbers. @throws InputError for a parameter that is not float32. */
export function initialValues(
  graph: Graph,
  names: Iterable<string>,
): ReadonlyMap<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const name of names) {
    const tensor = graph.initializers.get(name);
    if (tensor === undefined) throw new InputError(`initializer ${name}: is missing`);
    if (tensor.dataType !== DataType.FLOAT) {
      throw new InputError(
        `initializer ${name}: is ${dataTypeName(tensor.dataType)}; training needs float32`,
      );
    }
    values.set(name, Float32Array.from(readFloat64(tensor)));
  }
  return values;
}
