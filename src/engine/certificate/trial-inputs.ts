import { seededRandom } from "../../data/random.ts";
import { type Graph, requiredInputs, type ValueInfo } from "../../graph/graph.ts";
import { numberToFloat16 } from "../../graph/numbers.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { ElementArray, RuntimeTensor, RuntimeType, Tensors } from "../../runtime/runtime.ts";
import { declaredTypeName, runtimeTypeOf } from "./element-types.ts";

/** A size that the model leaves open: its name, or where it stands if it has none. */
export interface OpenSize {
  readonly key: string;
  /** Axis 0 of an input, which is the batch by convention. */
  readonly batch: boolean;
}

export type Size = number | OpenSize;

/** An input as the model declares it. */
export interface OpenInput {
  readonly name: string;
  readonly type: RuntimeType;
  readonly sizes: readonly Size[];
}

/** An input with every size bound to a number. */
export interface BoundInput {
  readonly name: string;
  readonly type: RuntimeType;
  readonly dims: readonly number[];
}

/** One set of inputs on which models are compared. */
export interface Trial {
  /** How the certificate names it, for example "standard normal, seed 1". */
  readonly name: string;
  readonly feeds: Tensors;
  /** All elements are equal, so that one channel shows few different values. */
  readonly constant: boolean;
}

/** What a caller has to feed, or why it cannot be made up. */
export function openInputs(graph: Graph): readonly OpenInput[] | string {
  const inputs: OpenInput[] = [];
  for (const input of requiredInputs(graph)) {
    const type = runtimeTypeOf(input);
    if (type === undefined) return `its input ${input.name} is ${declaredTypeName(input)}`;
    const sizes = inputSizes(input);
    if (sizes === undefined) return `its input ${input.name} has no declared shape`;
    inputs.push({ name: input.name, type, sizes });
  }
  return inputs;
}

function inputSizes(input: ValueInfo): readonly Size[] | undefined {
  const type = input.type?.value;
  if (type?.case !== "tensorType") return undefined;
  return type.value.shape?.dim.map((dim, axis) => {
    if (dim.value.case === "dimValue" && dim.value.value > 0n) return Number(dim.value.value);
    const name = dim.value.case === "dimParam" ? dim.value.value : "";
    return { key: name === "" ? `${input.name}[${axis}]` : name, batch: axis === 0 };
  });
}

/**
 * Sizes to try for what the model leaves open, the likeliest first: networks with five halvings
 * need 32, those with a fixed last layer need the size they were made for.
 */
const OPEN_SIZES: readonly number[] = [32, 224, 64, 16, 8, 128, 28, 299, 1];

/** The inputs with their open sizes bound in every way worth trying, in order. */
export function boundInputs(
  inputs: readonly OpenInput[],
  batchSizes: readonly number[],
): (readonly BoundInput[])[] {
  const open = inputs.flatMap((input) => input.sizes).filter((size) => typeof size !== "number");
  const batchKeys = new Set(open.filter((size) => size.batch).map((size) => size.key));
  const others = open.some((size) => !batchKeys.has(size.key)) ? OPEN_SIZES : [1];
  const batches = batchKeys.size > 0 ? batchSizes : [1];
  const bind = (size: Size, batch: number, other: number) => {
    if (typeof size === "number") return size;
    return batchKeys.has(size.key) ? batch : other;
  };
  return batches.flatMap((batch) =>
    others.map((other) =>
      inputs.map(({ name, type, sizes }) => ({
        name,
        type,
        dims: sizes.map((size) => bind(size, batch, other)),
      })),
    ),
  );
}

/** Large enough to leave the range that data has; smaller where the model overflows on it. */
const LARGE_CONSTANTS: readonly number[] = [1000, 100, 10];

/** The real-valued element at a position of count. */
type Element = (position: number, count: number) => number;

/**
 * One kind of made-up input, in versions: the first on which the original model stays finite is
 * used, and the last one otherwise.
 */
export type TrialVersions = readonly (() => Trial)[];

export function syntheticTrials(inputs: readonly BoundInput[]): TrialVersions[] {
  const trial = (name: string, constant: boolean, element: Element) => (): Trial => ({
    name,
    constant,
    feeds: Object.fromEntries(inputs.map((input) => [input.name, tensorFrom(input, element)])),
  });
  const constants = (sign: number) =>
    LARGE_CONSTANTS.map((size) => trial(`constant ${sign * size}`, true, () => sign * size));
  const normal = seededRandom(1, "certificate");
  const uniform = seededRandom(2, "certificate");
  return [
    [trial("standard normal, seed 1", false, () => normal.normal())],
    [trial("uniform 0 to 1, seed 2", false, () => uniform.uniform())],
    [trial("ramp -1 to 1", false, (i, count) => (count > 1 ? (2 * i) / (count - 1) - 1 : 1))],
    [trial("zeros", true, () => 0)],
    constants(1),
    constants(-1),
  ];
}

function tensorFrom({ type, dims }: BoundInput, element: Element): RuntimeTensor {
  const count = elementCount(dims);
  const values = Float64Array.from({ length: count }, (_, position) => element(position, count));
  return { type, dims, data: toElements(type, values) };
}

/** Made-up numbers as elements; whole-number types get small indices, as tokens have. */
function toElements(type: RuntimeType, values: Float64Array): ElementArray {
  if (type === "uint8" || type === "int8") return castElements(type, values.map(toByte));
  if (type === "bool")
    return castElements(
      type,
      values.map((value) => (value > 0 ? 1 : 0)),
    );
  return castElements(type, type.startsWith("float") ? values : values.map(smallIndex));
}

/** Bytes are mostly pixels and quantized numbers, which use their whole range. */
function toByte(value: number): number {
  return Math.max(-128, Math.min(127, Math.round(value * 64)));
}

/** 0 to 9: valid in any vocabulary, and different enough to tell rows of a table apart. */
function smallIndex(value: number): number {
  return Math.floor(Math.abs(value) * 10) % 10;
}

/** Numbers as elements of a type, rounded where it cannot hold them exactly. */
export function castElements(type: RuntimeType, values: Float64Array): ElementArray {
  switch (type) {
    case "float32":
      return Float32Array.from(values);
    case "float64":
      return values;
    case "float16":
      return Uint16Array.from(values, numberToFloat16);
    case "bool":
    case "uint8":
      return Uint8Array.from(values);
    case "int8":
      return Int8Array.from(values);
    case "int64":
      return BigInt64Array.from(values, (value) => BigInt(Math.trunc(value)));
    case "uint64":
      return BigUint64Array.from(values, (value) => BigInt(Math.trunc(value)));
    case "int32":
      return Int32Array.from(values);
    case "uint32":
      return Uint32Array.from(values);
    case "int16":
      return Int16Array.from(values);
    case "uint16":
      return Uint16Array.from(values);
  }
}
