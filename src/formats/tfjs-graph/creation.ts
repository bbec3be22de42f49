import { DataType } from "../../graph/data-type.ts";
import type { Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

/** One number everywhere in the shape of the input, and lying as it does. */
function filledLike(number: number): OperationRule["build"] {
  return (operation) => {
    const { value: x, shape, moved, dataType } = operation.input(0);
    const whole = dataType === DataType.INT32;
    if (!whole && dataType !== DataType.FLOAT) return undefined;
    const sizes = operation.add("sizes", "Shape", [operation.constant(0) ?? x]);
    const one = whole ? operation.int32([number], []) : operation.builder.scalar(number);
    const value = operation.add("main", "Expand", [one, sizes]);
    return [{ value, shape, moved, dataType }];
  };
}

/** How many axes a value has, as one whole number. */
function rank(operation: Operation): readonly TensorValue[] {
  const { length } = operation.shape(0);
  const value = operation.add("main", "Identity", [operation.int32([length], [])]);
  return [{ value, moved: false, shape: [], dataType: DataType.INT32, elements: [length] }];
}

/** How many elements a value has, as one whole number. */
function size(operation: Operation): readonly TensorValue[] {
  const { value: x, shape } = operation.input(0);
  const count = operation.add("count", "Size", [operation.constant(0) ?? x]);
  const value = operation.add("main", "Cast", [count], { to: { int: DataType.INT32 } });
  const known = shape !== undefined && !shape.includes(null);
  const product = known ? (shape as number[]).reduce((all, each) => all * each, 1) : null;
  return [{ value, moved: false, shape: [], dataType: DataType.INT32, elements: [product] }];
}

export const creationOperators: readonly OperationRule[] = [
  { operators: ["ZerosLike"], build: filledLike(0) },
  { operators: ["OnesLike"], build: filledLike(1) },
  { operators: ["Rank"], build: rank },
  { operators: ["Size"], build: size },
];
