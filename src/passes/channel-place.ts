import { intAttribute, intsAttribute } from "../graph/attributes.ts";
import { constantValue, isIndexTensor } from "../graph/constants.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { readNumbers } from "../graph/numbers.ts";
import { elementCount } from "../graph/tensor.ts";
import { rankOf, valueTypes } from "./value-types.ts";

/** Where the channels of a layer lie in a value: `block` neighbours along the axis belong to each. */
export interface ChannelPlace {
  readonly value: string;
  readonly axis: number;
  readonly block: number;
}

/** Elementwise functions of one input, and pools over positions. */
export const PASSES_ON: ReadonlySet<string> = new Set(
  "Relu LeakyRelu Elu Selu Celu Sigmoid HardSigmoid HardSwish Tanh Softplus Softsign Gelu Mish Erf Clip Abs Neg Exp Log Sqrt Reciprocal Floor Ceil Round Sign Identity Dropout Cast ThresholdedRelu MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool".split(
    " ",
  ),
);

/** Elementwise operators of several inputs. */
export const ARITHMETIC: ReadonlySet<string> = new Set([
  "Add",
  "Sub",
  "Mul",
  "Div",
  "PRelu",
  "Pow",
  "Max",
  "Min",
]);
/** What sums up over axes. */
export const REDUCTIONS: ReadonlySet<string> = new Set([
  "ReduceMean",
  "ReduceSum",
  "ReduceMax",
  "ReduceMin",
  "ReduceL2",
]);

/** Behind a reduction over other axes than the channels'; undefined for any other. */
export function reduced(graph: Graph, node: Node, place: ChannelPlace): ChannelPlace | undefined {
  const rank = rankOf(graph, place.value);
  const listed = intsAttribute(node, "axes") ?? indexList(graph, node.input[1] ?? "");
  if (rank === undefined || listed === undefined || listed.length === 0) return undefined;
  const axes = listed.map((axis) => (axis < 0 ? axis + rank : axis));
  if (axes.includes(place.axis)) return undefined;
  const keep = intAttribute(node, "keepdims", 1) !== 0;
  const before = axes.filter((axis) => axis < place.axis).length;
  return { ...place, value: node.output[0] ?? "", axis: keep ? place.axis : place.axis - before };
}

/** (N, C, H, W) becomes (N, C·H·W), in which H·W neighbours belong to each channel. */
export function flattened(graph: Graph, node: Node, place: ChannelPlace): ChannelPlace | undefined {
  const inner = positionsBehind(graph, place);
  const axis = intAttribute(node, "axis", 1);
  if (inner === undefined || place.axis !== 1 || axis !== 1) return undefined;
  return { value: node.output[0] ?? "", axis: 1, block: place.block * inner };
}

/** The stored whole numbers of a value; undefined where they are known only at run time. */
export function indexList(graph: Graph, value: string): readonly number[] | undefined {
  const tensor = constantValue(graph, value);
  return tensor !== undefined && isIndexTensor(tensor) ? readNumbers(tensor) : undefined;
}

/** The number of elements behind the channels' axis, where it is known. */
export function positionsBehind(graph: Graph, { value, axis }: ChannelPlace): number | undefined {
  const shape = valueTypes(graph)
    .get(value)
    ?.shape.slice(axis + 1);
  return shape?.every((size): size is number => typeof size === "number")
    ? elementCount(shape)
    : undefined;
}
