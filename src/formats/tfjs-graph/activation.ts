import type { AttributeValue } from "../../graph/attributes.ts";
import { movedOperand } from "./constant-layout.ts";
import type { Operand, Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

/** Adds nodes that compute the same function of every element; the last one is the given part. */
type Elementwise = (operation: Operation, x: Operand, part: string) => string;

function operator(opType: string, attributes: Record<string, AttributeValue> = {}): Elementwise {
  return (operation, x, part) => operation.add(part, opType, [x], attributes);
}

/** x² as a product, which is exact where a power need not be. */
const square: Elementwise = (operation, x, part) => operation.add(part, "Mul", [x, x]);

const relu6: Elementwise = (operation, x, part) => {
  const { builder } = operation;
  return operation.add(part, "Clip", [x, builder.scalar(0), builder.scalar(6)]);
};

const inverseRoot: Elementwise = (operation, x, part) => {
  const root = operation.add(`${part}/root`, "Sqrt", [x]);
  return operation.add(part, "Reciprocal", [root]);
};

/** ln(1 + x) */
const log1p: Elementwise = (operation, x, part) => {
  const sum = operation.add(`${part}/sum`, "Add", [x, operation.builder.scalar(1)]);
  return operation.add(part, "Log", [sum]);
};

/** eˣ − 1 */
const exponentialLess1: Elementwise = (operation, x, part) => {
  const power = operation.add(`${part}/power`, "Exp", [x]);
  return operation.add(part, "Sub", [power, operation.builder.scalar(1)]);
};

const leakyRelu =
  (attribute: string): Elementwise =>
  (operation, x, part) => {
    const alpha = { float: operation.attributes.number(attribute, 0.2) };
    return operation.add(part, "LeakyRelu", [x], { alpha });
  };

/** Of the same name in ONNX. */
const TRIGONOMETRY = "Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh".split(" ");

const UNARY: Readonly<Record<string, Elementwise>> = {
  Relu: operator("Relu"),
  Relu6: relu6,
  LeakyRelu: leakyRelu("alpha"),
  Elu: operator("Elu"),
  Selu: operator("Selu"),
  Sigmoid: operator("Sigmoid"),
  Tanh: operator("Tanh"),
  Softplus: operator("Softplus"),
  Softsign: operator("Softsign"),
  Sqrt: operator("Sqrt"),
  Rsqrt: inverseRoot,
  Square: square,
  Neg: operator("Neg"),
  Exp: operator("Exp"),
  Log: operator("Log"),
  Log1p: log1p,
  Abs: operator("Abs"),
  Floor: operator("Floor"),
  Ceil: operator("Ceil"),
  Round: operator("Round"),
  Reciprocal: operator("Reciprocal"),
  Inv: operator("Reciprocal"),
  Erf: operator("Erf"),
  Expm1: exponentialLess1,
  ...Object.fromEntries(TRIGONOMETRY.map((name) => [name, operator(name)])),
  Sign: operator("Sign"),
  LogicalNot: operator("Not"),
};

/** What a fused operator may apply at its end, by the name it has among the fused ones. */
const FUSED: ReadonlyMap<string, Elementwise> = new Map([
  ["Relu", operator("Relu")],
  ["Relu6", relu6],
  ["LeakyRelu", leakyRelu("leakyrelu_alpha")],
  ["Elu", operator("Elu")],
  ["Sigmoid", operator("Sigmoid")],
  ["Tanh", operator("Tanh")],
]);

/**
 * The activation that ends a fused operator.
 *
 * @param slope the input that holds the slope of a Prelu.
 * @returns undefined for one that is not known.
 */
export function fusedActivation(
  operation: Operation,
  name: string | undefined,
  x: TensorValue,
  slope: number,
): TensorValue | undefined {
  if (name === undefined) return x;
  if (name === "Prelu") return parametricRelu(operation, x, slope, "activation");
  const activation = FUSED.get(name);
  return activation && { ...x, value: activation(operation, x.value, "activation") };
}

/** x for x ≥ 0, α·x below, with slopes α that meet x from the right. */
function parametricRelu(
  operation: Operation,
  x: TensorValue,
  slope: number,
  part: string,
): TensorValue | undefined {
  const { constant } = operation.input(slope);
  const rank = x.shape?.length ?? 0;
  if (constant === undefined || (x.moved && constant.dims.length > rank)) return undefined;
  const moved = x.moved && constant.dims.length > 0;
  const alpha = operation.constant(slope, moved ? movedOperand(rank) : undefined) as Operand;
  return { ...x, value: operation.add(part, "PRelu", [x.value, alpha]) };
}

/** softmax over the last axis of the file's order. */
function softmax(opType: string): OperationRule["build"] {
  return (operation) => {
    const input = operation.input(0);
    const x = operation.constant(0) ?? input.value;
    const axis = { int: input.moved ? 1 : -1 };
    return [plain({ ...input, value: operation.add("main", opType, [x], { axis }) })];
  };
}

/** The same without what was known of the numbers. */
export function plain({ value, shape, moved, dataType }: TensorValue): TensorValue {
  return { value, shape, moved, dataType };
}

export const activationOperators: readonly OperationRule[] = [
  ...Object.entries(UNARY).map(
    ([name, build]): OperationRule => ({
      operators: [name],
      build: (operation) => {
        const input = operation.input(0);
        const x = operation.constant(0) ?? input.value;
        return [plain({ ...input, value: build(operation, x, "main") })];
      },
    }),
  ),
  { operators: ["Softmax"], build: softmax("Softmax") },
  { operators: ["LogSoftmax"], build: softmax("LogSoftmax") },
  {
    operators: ["Prelu"],
    build: (operation) => {
      const result = parametricRelu(operation, operation.input(0), 1, "main");
      return result && [plain(result)];
    },
  },
];
