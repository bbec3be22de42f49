import type { Size } from "../layers/layer-value.ts";
import { constantAxis, countedAxes, placedForAxes } from "./axes.ts";
import type { Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

function reshape(operation: Operation): readonly TensorValue[] {
  const input = operation.input(0);
  const value = operation.add("main", "Reshape", [operation.operand(0), operation.shapeSizes(1)]);
  const target = operation.input(1);
  const stated = target.elements;
  const rank = stated?.length ?? target.shape?.[0] ?? undefined;
  const shape = stated === undefined ? openShape(rank) : filledShape(operation, input, stated);
  return [{ value, moved: false, shape, dataType: input.dataType, elements: input.elements }];
}

function openShape(rank: Size | undefined): readonly Size[] | undefined {
  return typeof rank === "number" && rank <= 8 ? new Array<null>(rank).fill(null) : undefined;
}

/** -1 stands for what is left of the input's elements. */
function filledShape(
  operation: Operation,
  { shape }: TensorValue,
  stated: readonly Size[],
): readonly Size[] {
  const rest = stated.indexOf(-1);
  const known = (sizes: readonly Size[]): sizes is readonly number[] => !sizes.includes(null);
  const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1);
  if (stated.some((size) => size !== null && size < -1)) {
    operation.refuse(`the shape it asks for is [${stated}]`);
  }
  if (shape === undefined || !known(shape) || !known(stated)) {
    return stated.map((size) => (size === -1 ? null : size));
  }
  const others = product(stated.filter((size) => size !== -1));
  const left = rest < 0 ? others : product(shape) / (others || 1);
  if (!Number.isInteger(left) || (rest < 0 && others !== product(shape))) {
    operation.refuse(`its input of shape [${shape}] cannot be given the shape [${stated}]`);
  }
  return stated.map((size, axis) => (axis === rest ? left : size));
}

function squeeze(operation: Operation): readonly TensorValue[] {
  const shape = operation.shape(0);
  const { attributes } = operation;
  const stated = attributes.integers(attributes.has("squeeze_dims") ? "squeeze_dims" : "axis");
  const axes =
    stated.length > 0
      ? countedAxes(operation, stated, shape.length)
      : shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  const wrong = axes.find((axis) => (shape[axis] ?? 1) !== 1);
  if (wrong !== undefined) operation.refuse(`axis ${wrong} has the size ${shape[wrong]}, not 1`);
  const { dataType, elements } = operation.input(0);
  if (axes.length === 0) return [operation.input(0)];
  const { value: x, places } = placedForAxes(operation, axes, false);
  const operand = operation.constant(0) ?? x;
  const value = operation.add("main", "Squeeze", [operand, operation.builder.ints(places)]);
  const left = shape.filter((_, axis) => !axes.includes(axis));
  return [{ value, moved: false, shape: left, dataType, elements }];
}

function expandDims(operation: Operation): readonly TensorValue[] | undefined {
  const shape = operation.shape(0);
  const axis = constantAxis(operation, 1, shape.length + 1);
  if (axis === undefined) return undefined;
  const { dataType, elements } = operation.input(0);
  const operands = [operation.operand(0), operation.builder.ints([axis])];
  const value = operation.add("main", "Unsqueeze", operands);
  const longer = [...shape.slice(0, axis), 1, ...shape.slice(axis)];
  const kept = longer.length <= 1 ? elements : undefined;
  return [{ value, moved: false, shape: longer, dataType, elements: kept }];
}

function transpose(operation: Operation): readonly TensorValue[] | undefined {
  const shape = operation.shape(0);
  const perm = operation.numbers(1);
  if (perm === undefined) return undefined;
  if (perm.length !== shape.length) {
    operation.refuse(`its order of axes is [${perm}]; its input has ${shape.length}`);
  }
  countedAxes(operation, perm, shape.length);
  const order = perm.map((axis) => (axis < 0 ? axis + shape.length : axis));
  const value = operation.add("main", "Transpose", [operation.operand(0)], {
    perm: { ints: order },
  });
  const { dataType } = operation.input(0);
  return [{ value, moved: false, shape: order.map((axis) => shape[axis] ?? null), dataType }];
}

export const reshapingOperators: readonly OperationRule[] = [
  { operators: ["Reshape"], build: reshape },
  { operators: ["Squeeze"], build: squeeze },
  { operators: ["ExpandDims"], build: expandDims },
  { operators: ["Transpose"], build: transpose },
];
