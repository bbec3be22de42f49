import { findAttribute, intAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import { constantValue } from "../graph/constants.ts";
import { isFloatingPoint } from "../graph/data-type.ts";
import { type Graph, isStandardDomain, type Node, standardOpset } from "../graph/graph.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import type { AffineForm } from "./batch-normalization.ts";
import type { ChannelAffine } from "./channel-affine.ts";
import { FIRST_OPSET_WITH_BROADCASTING } from "./channel-constant.ts";
import { knownValues } from "./known-tensor.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { valueTypes } from "./value-types.ts";

/** Constants larger than this are no channel vectors, and are not read to find out. */
const MOST_ELEMENTS = 2 ** 20;

/** A Mul, Add, Sub or Div by a constant. */
export interface ConstantAffine {
  readonly node: Node;
  /** The operand that is not constant. */
  readonly input: string;
  readonly inputPosition: number;
  readonly affine: ChannelAffine;
}

/** One constant number as scale and shift; undefined for constant ÷ x, which is not affine in x. */
const OPERATORS: Readonly<
  Record<string, (c: number, constantFirst: boolean) => readonly [number, number] | undefined>
> = {
  Mul: (c) => [c, 0],
  Add: (c) => [1, c],
  Sub: (c, constantFirst) => (constantFirst ? [-1, c] : [1, -c]),
  Div: (c, constantFirst) => (constantFirst ? undefined : [1 / c, 0]),
};

/** Whether a node could be one, told without reading its constant. */
export function isConstantArithmetic(graph: Graph, node: Node): boolean {
  return operands(graph, node) !== undefined;
}

interface Operands {
  readonly constant: Tensor;
  readonly constantPosition: number;
}

function operands(graph: Graph, node: Node): Operands | undefined {
  if (!isStandardDomain(node.domain) || !(node.opType in OPERATORS)) return undefined;
  const found = [0, 1].flatMap((constantPosition) => {
    const constant = constantValue(graph, node.input[constantPosition] ?? "");
    return constant === undefined ? [] : [{ constant, constantPosition }];
  });
  const [only] = found;
  if (only === undefined || found.length > 1 || only.constant.dims.includes(0)) return undefined;
  return isFloatingPoint(only.constant.dataType) ? only : undefined;
}

/**
 * What such a node computes for each channel, whichever axis its constant is laid along; the reason
 * where the constant varies along more than one axis, or enlarges the other operand.
 *
 * @returns undefined for nodes of other kinds.
 */
export function readConstantAffine(graph: Graph, node: Node): ConstantAffine | Refusal | undefined {
  const found = operands(graph, node);
  if (found === undefined) return undefined;
  const { constant, constantPosition } = found;
  const inputPosition = 1 - constantPosition;
  const input = node.input[inputPosition] ?? "";
  const operator = OPERATORS[node.opType];
  const label = `The constant ${node.input[constantPosition]} of ${nodeLabel(node)}`;
  if (elementCount(constant.dims) > MOST_ELEMENTS) {
    return refuse(
      `${label} has shape [${constant.dims}], which is more than one number a channel.`,
    );
  }
  const values = knownValues(constant);
  if (isRefusal(values)) return values;
  const pairs = Array.from(values, (value) => operator?.(value, constantPosition === 0));
  if (pairs.includes(undefined)) return undefined;
  const affine: AffineForm = {
    scale: Float64Array.from(pairs, (pair) => pair?.[0] as number),
    shift: Float64Array.from(pairs, (pair) => pair?.[1] as number),
  };
  if ([...affine.scale, ...affine.shift].some((value) => !Number.isFinite(value))) {
    return refuse(`${label} makes a number that is not finite.`);
  }
  const shape = valueTypes(graph).get(input)?.shape;
  const dims = alignedDims(graph, node, constant, constantPosition, shape);
  const axis = dims && channelAxis(dims, affine, shape ?? []);
  if (axis === undefined) {
    return refuse(
      `${label} has shape [${constant.dims}], which is not one number a channel of ${input}${shape === undefined ? "" : ` [${shape}]`}.`,
    );
  }
  return { node, input, inputPosition, affine: axis };
}

/** The constant's shape with as many axes as the other operand; undefined where it has more. */
function alignedDims(
  graph: Graph,
  node: Node,
  { dims }: Tensor,
  constantPosition: number,
  shape: readonly Dimension[] | undefined,
): readonly number[] | undefined {
  if (dims.length === 0) return dims;
  if (shape === undefined || dims.length > shape.length) return undefined;
  const missing = shape.length - dims.length;
  if (standardOpset(graph) >= FIRST_OPSET_WITH_BROADCASTING) {
    return [...new Array<number>(missing).fill(1), ...dims];
  }
  if (constantPosition !== 1) return missing === 0 ? dims : undefined;
  if (intAttribute(node, "broadcast", 0) === 0) return missing === 0 ? dims : undefined;
  const axis = findAttribute(node, "axis");
  const start = axis === undefined ? missing : Number(axis.i);
  if (start < 0 || start > missing) return undefined;
  const after = new Array<number>(missing - start).fill(1);
  return [...new Array<number>(start).fill(1), ...dims, ...after];
}

/** The one axis along which the numbers vary, with the number at each of its positions. */
function channelAxis(
  dims: readonly number[],
  { scale, shift }: AffineForm,
  shape: readonly Dimension[],
): ChannelAffine | undefined {
  // A size of the constant that is not the operand's own would enlarge the result.
  if (dims.some((size, axis) => size !== 1 && size !== shape[axis])) return undefined;
  const same = (c: number, d: number) => scale[c] === scale[d] && shift[c] === shift[d];
  if (scale.every((_, c) => same(c, 0))) {
    return { axis: undefined, scale: scale.slice(0, 1), shift: shift.slice(0, 1) };
  }
  for (const [axis, size] of dims.entries()) {
    const inner = elementCount(dims.slice(axis + 1));
    const first = (c: number) => (Math.floor(c / inner) % size) * inner;
    if (size === 1 || !scale.every((_, c) => same(c, first(c)))) continue;
    const pick = (values: Float64Array) =>
      Float64Array.from({ length: size }, (_, j) => values[j * inner] as number);
    return { axis, scale: pick(scale), shift: pick(shift) };
  }
  return undefined;
}
