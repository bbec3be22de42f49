import { DataType } from "../../graph/data-type.ts";
import type { Size } from "../layers/layer-value.ts";
import { constantAxes, constantAxis, countedAxes } from "./axes.ts";
import type { Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import { BEYOND } from "./slicing.ts";
import type { TensorValue } from "./tensor-value.ts";

/** The k largest elements along the last axis, the largest first, and their positions as int32. */
function topK(operation: Operation): readonly TensorValue[] | undefined {
  const shape = operation.shape(0);
  const [k] = operation.numbers(1) ?? [];
  if (k === undefined || shape.length === 0) return undefined;
  const last = shape.at(-1) ?? null;
  if (k < 1 || (last !== null && k > last)) {
    operation.refuse(`it takes the ${k} largest of ${last ?? "some"} elements`);
  }
  const operands = [operation.operand(0), operation.builder.ints([k])];
  const [value = "", places = ""] = operation.addMany("main", "TopK", operands, 2, {
    axis: { int: -1 },
  });
  const positions = operation.add("positions", "Cast", [places], { to: { int: DataType.INT32 } });
  const result: readonly Size[] = [...shape.slice(0, -1), k];
  const common = { moved: false, shape: result };
  return [
    { ...common, value, dataType: operation.input(0).dataType },
    { ...common, value: positions, dataType: DataType.INT32 },
  ];
}

/**
 * One of two numbers at each place of a new axis: the third input where the position is the index, the
 * fourth elsewhere, and everywhere for an index outside, for which ONNX's own operator counts from the end.
 */
function oneHot(operation: Operation): readonly TensorValue[] | undefined {
  const shape = operation.shape(0);
  const [depth] = operation.numbers(1) ?? [];
  if (depth === undefined) return undefined;
  if (depth < 1 || depth > MOST_CLASSES) operation.refuse(`it parts into ${depth} classes`);
  const stated = operation.attributes.integer("axis", -1);
  const [axis = 0] = countedAxes(operation, [stated], shape.length + 1);
  const { builder } = operation;
  const indices = operation.add("indices", "Unsqueeze", [
    operation.operand(0),
    builder.ints([axis]),
  ]);
  const trailing = new Array<number>(shape.length - axis).fill(1);
  const classes = operation.int32(
    Array.from({ length: depth }, (_, each) => each),
    [depth, ...trailing],
  );
  const hit = operation.add("hit", "Equal", [indices, classes]);
  const value = operation.add("main", "Where", [hit, operation.operand(2), operation.operand(3)]);
  const longer = [...shape.slice(0, axis), depth, ...shape.slice(axis)];
  return [{ value, moved: false, shape: longer, dataType: operation.input(2).dataType }];
}

const MOST_CLASSES = 2 ** 20;

/** The elements along the given axes in the opposite order. */
function reverse(operation: Operation): readonly TensorValue[] | undefined {
  const shape = operation.shape(0);
  const axes = constantAxes(operation, 1, shape.length);
  if (axes === undefined) return undefined;
  const { builder } = operation;
  const all = (number: number) => builder.ints(axes.map(() => number));
  const lists = [all(-1), all(-BEYOND), builder.ints(axes), all(-1)];
  const value = operation.add("main", "Slice", [operation.operand(0), ...lists]);
  return [{ value, moved: false, shape, dataType: operation.input(0).dataType }];
}

/** The sum of the elements up to each along one axis, from its end for `reverse`, without itself for `exclusive`. */
function cumulativeSum(operation: Operation): readonly TensorValue[] | undefined {
  const shape = operation.shape(0);
  const axis = constantAxis(operation, 1, shape.length);
  if (axis === undefined) return undefined;
  const [exclusive, reversed] = ["exclusive", "reverse"].map((name) =>
    operation.attributes.flag(name) ? 1 : 0,
  );
  const operands = [operation.operand(0), operation.int32([axis], [])];
  const value = operation.add("main", "CumSum", operands, {
    exclusive: { int: exclusive ?? 0 },
    reverse: { int: reversed ?? 0 },
  });
  return [{ value, moved: false, shape, dataType: operation.input(0).dataType }];
}

/** The elements or slices at the positions that the last axis of the indices states. */
function gatherNd(operation: Operation): readonly TensorValue[] | undefined {
  const [shape, indices] = [operation.shape(0), operation.shape(1)];
  const depth = indices.at(-1) ?? null;
  if (depth === null || depth < 1) return undefined;
  if (depth > shape.length) {
    operation.refuse(`its indices name ${depth} axes; its input has ${shape.length}`);
  }
  const positions = operation.add("indices", "Cast", [operation.operand(1)], {
    to: { int: DataType.INT64 },
  });
  const value = operation.add("main", "GatherND", [operation.operand(0), positions]);
  const result = [...indices.slice(0, -1), ...shape.slice(depth)];
  return [{ value, moved: false, shape: result, dataType: operation.input(0).dataType }];
}

export const selectionOperators: readonly OperationRule[] = [
  { operators: ["TopKV2"], build: topK },
  { operators: ["OneHot"], build: oneHot },
  { operators: ["ReverseV2"], build: reverse },
  { operators: ["Cumsum"], build: cumulativeSum },
  { operators: ["GatherNd"], build: gatherNd },
];
