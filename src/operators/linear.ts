import { floatAttribute, intAttribute } from "../graph/attributes.ts";
import type { Dimension, GraphBuilder } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { elementCount } from "../graph/tensor.ts";
import { reshape, scale, swapLastTwo } from "./emit.ts";
import type { GradientRule, OperatorRule, ShapeRule } from "./operator.ts";
import { broadcastShapes } from "./shape-algebra.ts";

const gemmShape: ShapeRule = (context) => {
  const [a, b] = [context.input(0), context.input(1)];
  if (a === undefined || b === undefined) return [];
  const rows = a.shape[intAttribute(context.node, "transA", 0)];
  const columns = b.shape[1 - intAttribute(context.node, "transB", 0)];
  if (rows === undefined || columns === undefined) return [];
  return [{ dataType: a.dataType, shape: [rows, columns] }];
};

/**
 * Y = α·A′·B′ + β·C, where ′ transposes or not: ∂L/∂A′ = α·G·B′ᵀ, ∂L/∂B′ = α·A′ᵀ·G, and
 * ∂L/∂C = β·G summed over what was broadcast.
 */
const gemmGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, node } = context;
  const [a = "", b = ""] = inputs;
  const [transA, transB] = [
    intAttribute(node, "transA", 0) === 1,
    intAttribute(node, "transB", 0) === 1,
  ];
  const alpha = floatAttribute(node, "alpha", 1);
  // (X·Y)ᵀ = Yᵀ·Xᵀ: for a transposed operand the product is taken in the other order.
  const ofA = () =>
    transA
      ? product(builder, b, gradient, { transA: transB, transB: true, alpha })
      : product(builder, gradient, b, { transA: false, transB: !transB, alpha });
  const ofB = () =>
    transB
      ? product(builder, gradient, a, { transA: true, transB: transA, alpha })
      : product(builder, a, gradient, { transA: !transA, transB: false, alpha });
  return [
    context.needs(0) ? ofA() : undefined,
    context.needs(1) ? ofB() : undefined,
    context.needs(2) ? scale(builder, gradient, floatAttribute(node, "beta", 1)) : undefined,
  ];
};

interface ProductOptions {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha?: number;
}

function product(builder: GraphBuilder, left: string, right: string, options: ProductOptions) {
  return builder.add("Gemm", [left, right], {
    attributes: {
      transA: { int: options.transA ? 1 : 0 },
      transB: { int: options.transB ? 1 : 0 },
      alpha: { float: options.alpha ?? 1 },
    },
  });
}

/** NumPy's matmul: a vector on the left is a row, on the right a column, and the 1 is dropped. */
const matMulShape: ShapeRule = (context) => {
  const [a, b] = [context.input(0), context.input(1)];
  if (a === undefined || b === undefined || a.shape.length === 0 || b.shape.length === 0) return [];
  const [left, right] = [asRows(a.shape), asColumns(b.shape)];
  const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2));
  const shape = [
    ...batch,
    ...(a.shape.length > 1 ? left.slice(-2, -1) : []),
    ...(b.shape.length > 1 ? right.slice(-1) : []),
  ];
  const integer = context.node.opType === "MatMulInteger";
  return [{ dataType: integer ? DataType.INT32 : a.dataType, shape }];
};

function asRows<Size extends Dimension>(shape: readonly Size[]): readonly (Size | 1)[] {
  return shape.length === 1 ? [1, ...shape] : shape;
}

function asColumns<Size extends Dimension>(shape: readonly Size[]): readonly (Size | 1)[] {
  return shape.length === 1 ? [...shape, 1] : shape;
}

/** ∂L/∂A = G·Bᵀ, ∂L/∂B = Aᵀ·G; stacks that were broadcast are summed by autodiff. */
const matMulGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const [a = "", b = ""] = inputs;
  const [shapeA, shapeB] = [context.inputShape(0), context.inputShape(1)];
  const [rows, columns] = [asRows(shapeA), asColumns(shapeB)];
  const batch = broadcastShapes(rows.slice(0, -2), columns.slice(0, -2)) as number[];
  const [m = 1, k = 1, n = 1] = [rows.at(-2), rows.at(-1), columns.at(-1)];
  const vector = shapeA.length === 1 || shapeB.length === 1;
  const full = vector ? reshape(builder, gradient, [...batch, m, n]) : gradient;
  const left = shapeA.length === 1 ? reshape(builder, a, rows) : a;
  const right = shapeB.length === 1 ? reshape(builder, b, columns) : b;

  const ofA = () => {
    if (columns.length > 2) {
      return builder.add("MatMul", [full, swapLastTwo(builder, right, columns.length)]);
    }
    const flat = flatRows(builder, full, [...batch, m, n]);
    const result = product(builder, flat, right, { transA: false, transB: true });
    return batch.length === 0 ? result : reshape(builder, result, [...batch, m, k]);
  };
  // A shared weight after a stack of rows: one product over all rows instead of one a matrix.
  const ofB = () => {
    if (columns.length > 2) {
      return builder.add("MatMul", [swapLastTwo(builder, left, rows.length), full]);
    }
    const flat = flatRows(builder, full, [...batch, m, n]);
    return product(builder, flatRows(builder, left, rows), flat, { transA: true, transB: false });
  };
  const back = (value: string, shape: readonly number[]) =>
    shape.length === 1 ? dropVectorAxis(builder, value, shape, batch) : value;
  return [
    context.needs(0) ? back(ofA(), shapeA) : undefined,
    context.needs(1) ? back(ofB(), shapeB) : undefined,
  ];
};

function flatRows(builder: GraphBuilder, value: string, shape: readonly number[]): string {
  if (shape.length === 2) return value;
  return reshape(builder, value, [elementCount(shape.slice(0, -1)), shape.at(-1) ?? 1]);
}

/** The gradient of a vector that was used as a row or column, for every matrix of the stack. */
function dropVectorAxis(
  builder: GraphBuilder,
  value: string,
  shape: readonly number[],
  batch: readonly number[],
): string {
  const size = shape[0] ?? 1;
  return reshape(builder, value, batch.length === 0 ? [size] : [-1, size]);
}

export const linearRules: readonly OperatorRule[] = [
  { opType: "Gemm", inferShapes: gemmShape, gradient: gemmGradient },
  { opType: "MatMul", inferShapes: matMulShape, gradient: matMulGradient },
  { opType: "MatMulInteger", inferShapes: matMulShape },
];
