import { DataType } from "../../graph/data-type.ts";
import type { Size } from "../layers/layer-value.ts";
import { constantAxes, constantAxis, placedForAxes } from "./axes.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

/** Sum, mean, … over the axes of the second input, which may stay as axes of size 1. */
function reduction(opType: string): OperationRule["build"] {
  return (operation) => {
    const input = operation.input(0);
    const rank = operation.shape(0).length;
    const axes = constantAxes(operation, 1, rank);
    if (axes === undefined) return undefined;
    const elements = opType === "ReduceProd" ? productOfSizes(input) : undefined;
    // ONNX takes no axes for all of them, TensorFlow for none.
    if (axes.length === 0) return [input];
    const keeps = operation.attributes.flag("keep_dims");
    const { value: x, moved, places } = placedForAxes(operation, axes, keeps);
    const value = operation.constant(0) ?? x;
    const { builder } = operation;
    const keepdims = { int: keeps ? 1 : 0 };
    const result =
      opType === "ReduceSum"
        ? operation.add("main", opType, [value, builder.ints(places)], { keepdims })
        : operation.add("main", opType, [value], { axes: { ints: places }, keepdims });
    const shape = operation
      .shape(0)
      .flatMap((size, axis): Size[] => (axes.includes(axis) ? (keeps ? [1] : []) : [size]));
    return [{ value: result, moved, shape, dataType: input.dataType, elements }];
  };
}

/** The product of the elements of a list of sizes. */
function productOfSizes({ elements }: TensorValue): readonly Size[] | undefined {
  if (elements === undefined || elements.includes(null)) return undefined;
  return [(elements as readonly number[]).reduce((product, size) => product * size, 1)];
}

/** Whether all, or any, are true: the least, or the largest, of them as numbers. */
function truth(opType: "ReduceMin" | "ReduceMax"): OperationRule["build"] {
  return (operation) => {
    const shape = operation.shape(0);
    const axes = constantAxes(operation, 1, shape.length);
    if (axes === undefined) return undefined;
    const keeps = operation.attributes.flag("keep_dims");
    const x = operation.operand(0);
    const numbers = operation.add("numbers", "Cast", [x], { to: { int: DataType.INT32 } });
    const found = operation.add("found", opType, [numbers], {
      axes: { ints: axes },
      keepdims: { int: keeps ? 1 : 0 },
    });
    const value = operation.add("main", "Cast", [found], { to: { int: DataType.BOOL } });
    const left = shape.flatMap((size, axis): Size[] =>
      axes.includes(axis) ? (keeps ? [1] : []) : [size],
    );
    return [{ value, moved: false, shape: left, dataType: DataType.BOOL }];
  };
}

/** The position of the largest or smallest element, as int32. */
function extreme(opType: "ArgMax" | "ArgMin"): OperationRule["build"] {
  return (operation) => {
    const shape = operation.shape(0);
    const axis = constantAxis(operation, 1, shape.length);
    if (axis === undefined) return undefined;
    const found = operation.add("position", opType, [operation.operand(0)], {
      axis: { int: axis },
      keepdims: { int: 0 },
    });
    const value = operation.add("main", "Cast", [found], { to: { int: DataType.INT32 } });
    const left = shape.filter((_, each) => each !== axis);
    return [{ value, moved: false, shape: left, dataType: DataType.INT32 }];
  };
}

export const reductionOperators: readonly OperationRule[] = [
  { operators: ["Mean"], build: reduction("ReduceMean") },
  { operators: ["Sum"], build: reduction("ReduceSum") },
  { operators: ["Max"], build: reduction("ReduceMax") },
  { operators: ["Min"], build: reduction("ReduceMin") },
  { operators: ["Prod"], build: reduction("ReduceProd") },
  { operators: ["EuclideanNorm"], build: reduction("ReduceL2") },
  { operators: ["All"], build: truth("ReduceMin") },
  { operators: ["Any"], build: truth("ReduceMax") },
  { operators: ["ArgMax"], build: extreme("ArgMax") },
  { operators: ["ArgMin"], build: extreme("ArgMin") },
];
