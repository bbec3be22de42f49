import { type Random, seededRandom } from "../../../src/data/random.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { elementCount, float32Tensor } from "../../../src/graph/tensor.ts";

interface Value {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A model under construction: what can be read, and how to draw weights. */
class Sketch {
  readonly builder = new GraphBuilder();
  readonly values: Value[] = [];
  /** Weights by shape, so that some are shared. */
  readonly #weights = new Map<string, string>();

  constructor(readonly random: Random) {}

  tensor(shape: readonly number[], draw: () => number = () => this.random.normal() / 2): string {
    const name = this.builder.freshName("w");
    const values = Float32Array.from({ length: elementCount(shape) }, draw);
    return this.builder.addInitializer(float32Tensor(name, shape, values));
  }

  weight(shape: readonly number[]): string {
    const known = this.#weights.get(`${shape}`);
    if (known !== undefined && this.random.below(4) === 0) return known;
    const name = this.tensor(shape);
    this.#weights.set(`${shape}`, name);
    return name;
  }

  /** A scale of either sign that is not near zero. */
  scale(shape: readonly number[]): string {
    return this.tensor(shape, () => (0.5 + this.random.uniform()) * (this.chance(4) ? -1 : 1));
  }

  chance(outOf: number): boolean {
    return this.random.below(outOf) === 0;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.random.below(items.length)] as Item;
  }

  put(
    opType: string,
    inputs: readonly string[],
    shape: readonly number[],
    attributes: Parameters<GraphBuilder["add"]>[2] = {},
  ): Value {
    const name = this.builder.add(opType, inputs, { stem: opType.toLowerCase(), ...attributes });
    const value = { name, shape };
    this.values.push(value);
    return value;
  }
}

type Step = (sketch: Sketch, value: Value) => Value | undefined;

const batchNorm: Step = (s, { name, shape }) => {
  const channels = shape[1];
  if (channels === undefined) return undefined;
  const parameters = [
    s.scale([channels]),
    s.tensor([channels]),
    s.tensor([channels]),
    s.tensor([channels], () => 0.5 + s.random.uniform()),
  ];
  const epsilon = { epsilon: { float: 1e-3 } };
  return s.put("BatchNormalization", [name, ...parameters], shape, { attributes: epsilon });
};

const conv: Step = (s, { name, shape }) => {
  const [batch, inputs, ...size] = shape;
  if (batch === undefined || inputs === undefined || size.length === 0) return undefined;
  const groups = s.pick([1, inputs, ...(inputs % 2 === 0 ? [2] : [])]);
  const outputs = groups * (1 + s.random.below(2));
  const kernel = size.map((axis) => 1 + s.random.below(Math.min(2, axis)));
  const pads = size.map(() => s.random.below(2));
  const padded = s.chance(2) ? pads : size.map(() => 0);
  const stride = 1 + s.random.below(2);
  const result = size.map((axis, i) =>
    Math.floor((axis + 2 * (padded[i] as number) - (kernel[i] as number)) / stride + 1),
  );
  const inputsOf = [name, s.weight([outputs, inputs / groups, ...kernel])];
  if (s.chance(2)) inputsOf.push(s.weight([outputs]));
  const attributes = {
    group: { int: groups },
    pads: { ints: [...padded, ...padded] },
    strides: { ints: size.map(() => stride) },
  };
  return s.put("Conv", inputsOf, [batch, outputs, ...result], { attributes });
};

const convTranspose: Step = (s, { name, shape }) => {
  const [batch, inputs, ...size] = shape;
  if (batch === undefined || inputs === undefined || size.length !== 2) return undefined;
  const groups = s.pick([1, inputs, ...(inputs % 2 === 0 ? [2] : [])]);
  const perGroup = 1 + s.random.below(2);
  const kernel = size.map(() => 1 + s.random.below(2));
  const result = size.map((axis, i) => axis - 1 + (kernel[i] as number));
  const inputsOf = [name, s.weight([inputs, perGroup, ...kernel])];
  if (s.chance(2)) inputsOf.push(s.weight([groups * perGroup]));
  const attributes = { group: { int: groups } };
  return s.put("ConvTranspose", inputsOf, [batch, groups * perGroup, ...result], { attributes });
};

const gemm: Step = (s, { name, shape }) => {
  const [rows, features] = shape;
  if (rows === undefined || features === undefined || shape.length !== 2) return undefined;
  const [transA, transB] = [s.random.below(2), s.random.below(2)];
  const [m, k] = transA === 1 ? [features, rows] : [rows, features];
  const n = 1 + s.random.below(4);
  const inputs = [name, s.weight(transB === 1 ? [n, k] : [k, n])];
  const biases = [[], [n], [1, n], [m, 1], [m, n], [1]];
  if (s.chance(2)) inputs.push(s.weight(s.pick(biases)));
  const attributes = {
    transA: { int: transA },
    transB: { int: transB },
    alpha: { float: s.pick([1, 0.5]) },
    beta: { float: s.pick([1, 2, 0]) },
  };
  return s.put("Gemm", inputs, [m, n], { attributes });
};

const matMul: Step = (s, { name, shape }) => {
  const k = shape.at(-1);
  if (k === undefined || shape.length < 2) return undefined;
  const stack = s.chance(4) ? shape.slice(0, -2) : [];
  if (s.chance(3)) {
    const [rows, columns] = shape.slice(-2) as [number, number];
    const m = 1 + s.random.below(3);
    const weight = s.weight([...stack, m, rows]);
    return s.put("MatMul", [weight, name], [...shape.slice(0, -2), m, columns]);
  }
  const n = 1 + s.random.below(4);
  return s.put("MatMul", [name, s.weight([...stack, k, n])], [...shape.slice(0, -1), n]);
};

const arithmetic: Step = (s, { name, shape }) => {
  const axis = s.random.below(shape.length);
  const along = shape.map((size, i) => (i === axis ? size : 1)).slice(s.chance(2) ? axis : 0);
  const dims = s.pick([[], along, along, shape]);
  const constant = s.scale(dims);
  const inputs = s.chance(3) ? [constant, name] : [name, constant];
  const opType = s.pick(["Mul", "Add", "Sub", inputs[0] === name ? "Div" : "Mul"]);
  return s.put(opType, inputs, shape);
};

const transpose: Step = (s, { name, shape }) => {
  const perm = shape.map((_, axis) => axis);
  for (let i = perm.length - 1; i > 0; i--) {
    const j = s.random.below(i + 1);
    [perm[i], perm[j]] = [perm[j] as number, perm[i] as number];
  }
  const result = perm.map((axis) => shape[axis] as number);
  return s.put("Transpose", [name], result, { attributes: { perm: { ints: perm } } });
};

const reshape: Step = (s, { name, shape }) => {
  const merged = [shape[0] as number, elementCount(shape.slice(1))];
  const dims = s.pick([
    merged,
    [...shape, 1],
    shape.length > 3 ? [...shape.slice(0, 2), elementCount(shape.slice(2))] : merged,
    (merged[1] as number) % 2 === 0 ? [merged[0] as number, 2, (merged[1] as number) / 2] : merged,
  ]);
  return s.put("Reshape", [name, s.builder.ints(dims)], dims);
};

const flatten: Step = (s, { name, shape }) => {
  const result = [shape[0] as number, elementCount(shape.slice(1))];
  return s.put("Flatten", [name], result);
};

const relu: Step = (s, { name, shape }) => s.put("Relu", [name], shape);

const concat: Step = (s, { name, shape }) => {
  const other = s.values.find(
    (each) =>
      each.name !== name &&
      each.shape.length === shape.length &&
      shape.length > 1 &&
      each.shape.every((size, axis) => axis === 1 || size === shape[axis]),
  );
  if (other === undefined) return undefined;
  const channels = (shape[1] as number) + (other.shape[1] as number);
  const result = shape.map((size, axis) => (axis === 1 ? channels : size));
  return s.put("Concat", [name, other.name], result, { attributes: { axis: { int: 1 } } });
};

const residual: Step = (s, { name, shape }) => {
  const other = s.values.find((each) => each.name !== name && `${each.shape}` === `${shape}`);
  return other && s.put("Add", [name, other.name], shape);
};

/** BatchNorm and linear operators come often, so that most graphs have something to fold. */
const STEPS: readonly Step[] = [
  batchNorm,
  batchNorm,
  batchNorm,
  batchNorm,
  conv,
  conv,
  conv,
  convTranspose,
  gemm,
  gemm,
  matMul,
  matMul,
  arithmetic,
  arithmetic,
  transpose,
  reshape,
  flatten,
  relu,
  concat,
  residual,
];

/** Values stay small, so that thousands of graphs run in a minute. */
const MOST_ELEMENTS = 400;

/** A small graph of about the given number of nodes that depends on the seed alone. */
export function randomModel(seed: number, length: number): Graph {
  const random = seededRandom(seed, "random model");
  const sketch = new Sketch(random);
  const rank = 2 + random.below(3);
  const shape = [
    1 + random.below(2),
    ...Array.from({ length: rank - 1 }, () => 1 + random.below(4)),
  ];
  const input = { name: sketch.builder.freshName("x"), shape };
  let last: Value = input;
  sketch.values.push(input);
  for (let i = 0; i < length; i++) {
    // Mostly a chain; now and then from further back, which is fan-out.
    const from: Value = sketch.chance(6) ? sketch.pick(sketch.values) : last;
    const next: Value | undefined = sketch.pick(STEPS)(sketch, from);
    if (next === undefined) continue;
    if (elementCount(next.shape) > MOST_ELEMENTS || next.shape.some((size) => size < 1)) break;
    last = next;
  }
  return finished(sketch, input);
}

/** Whatever nobody reads is an output, and sometimes a value that is read as well. */
function finished({ builder, values, random }: Sketch, input: Value): Graph {
  const read = new Set(builder.nodes.flatMap((node) => node.input));
  const made = values.filter((value) => value !== input);
  const outputs = made.filter((value) => !read.has(value.name) || random.below(12) === 0);
  const info = ({ name, shape }: Value) => makeValueInfo(name, DataType.FLOAT, shape);
  return builder.build("random", [info(input)], outputs.map(info), 17);
}
