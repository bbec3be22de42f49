import type { Size } from "../layers/layer-value.ts";
import { fusedActivation } from "./activation.ts";
import { AS_IN_FILE, transposedMatrix } from "./constant-layout.ts";
import type { Operand, Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

/** a·b with the last two axes of either exchanged where an attribute says so. */
function product(operation: Operation, flags: readonly [string, string]): TensorValue {
  const turned = flags.map((name) => operation.attributes.flag(name));
  const shapes = [0, 1].map((index) => {
    const { shape } = operation.input(index);
    if (shape === undefined || turned[index] !== true) return shape;
    return [...shape.slice(0, -2), shape.at(-1) ?? null, shape.at(-2) ?? null];
  });
  const operands = [0, 1].map((index) => matrix(operation, index, turned[index] === true));
  const [left, right] = shapes;
  const value = operation.add("main", "MatMul", operands);
  const { dataType } = operation.input(0);
  if (left === undefined || right === undefined) {
    return { value, moved: false, shape: undefined, dataType };
  }
  if (left.length < 2 || right.length < 2) operation.refuse("its operands need two axes or more");
  const [inner, outer] = [left.at(-1) ?? null, right.at(-2) ?? null];
  if (inner !== null && outer !== null && inner !== outer) {
    operation.refuse(`its operands of shapes [${left}] and [${right}] do not fit each other`);
  }
  const longer = left.length >= right.length ? left : right;
  const shape: Size[] = [...longer.slice(0, -2), left.at(-2) ?? null, right.at(-1) ?? null];
  return { value, moved: false, shape, dataType };
}

function matrix(operation: Operation, index: number, turned: boolean): Operand {
  const { constant, shape } = operation.input(index);
  if (!turned) return operation.operand(index);
  const rank = shape?.length ?? operation.shape(index).length;
  if (constant !== undefined) {
    return operation.constant(index, rank < 2 ? AS_IN_FILE : transposedMatrix(rank)) as Operand;
  }
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  perm.splice(rank - 2, 2, rank - 1, rank - 2);
  return operation.add(`turned${index}`, "Transpose", [operation.operand(index)], {
    perm: { ints: perm },
  });
}

/**
 * A product that adds a bias and applies an activation, which fused_ops names in this order. The bias is
 * computed where TensorFlow's optimizer made one operator of x·W and a sum behind it, as in an LSTM cell.
 */
function fusedProduct(operation: Operation): readonly TensorValue[] | undefined {
  const [first, activation, ...others] = operation.attributes.words("fused_ops");
  if (first !== "BiasAdd" || others.length > 0) return undefined;
  const result = product(operation, ["transpose_a", "transpose_b"]);
  const bias = operation.shape(2);
  if (bias.length > 2) operation.refuse(`its bias has ${bias.length} axes; two at most are needed`);
  const value = operation.add("bias", "Add", [result.value, operation.operand(2)]);
  const activated = fusedActivation(operation, activation, { ...result, value }, 3);
  return activated && [activated];
}

export const linearOperators: readonly OperationRule[] = [
  { operators: ["MatMul"], build: (each) => [product(each, ["transpose_a", "transpose_b"])] },
  {
    operators: ["BatchMatMul", "BatchMatMulV2"],
    build: (each) => [product(each, ["adj_x", "adj_y"])],
  },
  { operators: ["_FusedMatMul"], build: fusedProduct },
];
