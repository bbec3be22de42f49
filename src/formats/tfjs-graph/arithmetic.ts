import { DataType } from "../../graph/data-type.ts";
import { plain } from "./activation.ts";
import { aligned } from "./broadcast.ts";
import { channelsLast } from "./image.ts";
import type { Operand, Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import { integerElements } from "./shape-elements.ts";
import type { TensorValue } from "./tensor-value.ts";

/** An operator of two operands whose shapes meet from the right. */
function binary(
  names: readonly string[],
  compute: string | ((operation: Operation, operands: readonly Operand[]) => string),
  result?: DataType,
): OperationRule {
  return {
    operators: names,
    build: (operation) => {
      // The bias of the node before it, which has it already.
      if (operation.context.merged.has(operation.node.name)) {
        return [plain(operation.inputs.find(({ constant }) => !constant) as TensorValue)];
      }
      if (operation.node.op === "BiasAdd" && !channelsLast(operation)) return undefined;
      const { operands, moved, shape } = aligned(operation, [0, 1]);
      const value =
        typeof compute === "string"
          ? operation.add("main", compute, operands)
          : compute(operation, operands);
      const dataType = result ?? operation.input(0).dataType;
      const elements = integerElements(operation);
      return [{ value, moved, shape, dataType, elements }];
    },
  };
}

/** (a − b)² */
function squaredDifference(operation: Operation, operands: readonly Operand[]): string {
  const difference = operation.add("difference", "Sub", operands);
  return operation.add("main", "Mul", [difference, difference]);
}

function unequal(operation: Operation, operands: readonly Operand[]): string {
  return operation.add("main", "Not", [operation.add("equal", "Equal", operands)]);
}

/** a/b, and 0 where b is 0. */
function safeQuotient(operation: Operation, [a = "", b = ""]: readonly Operand[]): string {
  const zero = operation.builder.scalar(0);
  const absent = operation.add("absent", "Equal", [b, zero]);
  const quotient = operation.add("quotient", "Div", [a, b]);
  return operation.add("main", "Where", [absent, zero, quotient]);
}

/** a − b·⌊a/b⌋ */
function floorRemainder(operation: Operation): readonly TensorValue[] {
  const { operands, moved, shape } = aligned(operation, [0, 1]);
  const { dataType } = operation.input(0);
  const [a = "", b = ""] = operands;
  if (dataType !== DataType.FLOAT) {
    return [{ value: operation.add("main", "Mod", operands), moved, shape, dataType }];
  }
  const floor = operation.add("floor", "Floor", [operation.add("quotient", "Div", [a, b])]);
  const value = operation.add("main", "Sub", [a, operation.add("whole", "Mul", [b, floor])]);
  return [{ value, moved, shape, dataType }];
}

/** Between the numbers that the second and third input hold. */
function clipped(operation: Operation): readonly TensorValue[] | undefined {
  const bounds = [1, 2].map((index) => operation.constant(index));
  const scalar = bounds.every((bound) => bound?.stored?.dims.length === 0);
  if (!scalar) return undefined;
  const input = operation.input(0);
  const x = operation.constant(0) ?? input.value;
  const operands: readonly Operand[] = [x, ...(bounds as readonly Operand[])];
  return [plain({ ...input, value: operation.add("main", "Clip", operands) })];
}

/** ⌊a/b⌋, which for whole numbers is ONNX's Div where both have one sign. */
function floorDivision(operation: Operation): readonly TensorValue[] | undefined {
  const { operands, moved, shape } = aligned(operation, [0, 1]);
  const { dataType } = operation.input(0);
  const elements = integerElements(operation);
  if (dataType !== DataType.FLOAT) {
    if (elements?.some((size) => size !== null && size < 0) ?? true) return undefined;
    return [{ value: operation.add("main", "Div", operands), moved, shape, dataType, elements }];
  }
  const quotient = operation.add("quotient", "Div", operands);
  return [{ value: operation.add("main", "Floor", [quotient]), moved, shape, dataType }];
}

/** Where(condition, a, b). The condition of a Select of one axis chooses whole samples. */
function select(operation: Operation): readonly TensorValue[] | undefined {
  const [condition, a] = [operation.input(0), operation.input(1)];
  const wholeSamples =
    operation.node.op === "Select" &&
    condition.shape?.length !== 0 &&
    condition.shape?.length !== a.shape?.length;
  if (wholeSamples) return undefined;
  const { operands, moved, shape } = aligned(operation, [0, 1, 2]);
  return [{ value: operation.add("main", "Where", operands), moved, shape, dataType: a.dataType }];
}

/** The sum of any number of operands. */
function sumOfAll(operation: Operation): readonly TensorValue[] {
  const indices = operation.inputs.map((_, index) => index);
  const { operands, moved, shape } = aligned(operation, indices);
  const { dataType } = operation.input(0);
  return [{ value: operation.add("main", "Sum", operands), moved, shape, dataType }];
}

export const arithmeticOperators: readonly OperationRule[] = [
  binary(["Add", "AddV2", "BiasAdd"], "Add"),
  binary(["Sub"], "Sub"),
  binary(["Mul"], "Mul"),
  binary(["RealDiv", "Div"], "Div"),
  binary(["Maximum"], "Max"),
  binary(["Minimum"], "Min"),
  binary(["Pow"], "Pow"),
  binary(["SquaredDifference"], squaredDifference),
  binary(["Greater"], "Greater", DataType.BOOL),
  binary(["GreaterEqual"], "GreaterOrEqual", DataType.BOOL),
  binary(["Less"], "Less", DataType.BOOL),
  binary(["LessEqual"], "LessOrEqual", DataType.BOOL),
  binary(["Equal"], "Equal", DataType.BOOL),
  binary(["NotEqual"], unequal, DataType.BOOL),
  binary(["DivNoNan"], safeQuotient),
  binary(["LogicalAnd"], "And", DataType.BOOL),
  binary(["LogicalOr"], "Or", DataType.BOOL),
  { operators: ["FloorDiv"], build: floorDivision },
  { operators: ["FloorMod"], build: floorRemainder },
  { operators: ["ClipByValue"], build: clipped },
  { operators: ["AddN"], build: sumOfAll },
  { operators: ["Select", "SelectV2"], build: select },
];
