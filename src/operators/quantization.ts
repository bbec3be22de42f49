import { findAttribute } from "../graph/attributes.ts";
import { DataType } from "../graph/data-type.ts";
import type { OperatorRule, ShapeRule } from "./operator.ts";
import { withShape } from "./shape-rules.ts";

/** The zero point's type, or output_dtype's, or uint8. */
const quantizeShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const stated = findAttribute(context.node, "output_dtype");
  const fallback = context.input(2)?.dataType ?? DataType.UINT8;
  const dataType = stated === undefined ? fallback : (Number(stated.i) as DataType);
  return [{ dataType, shape: input.shape }];
};

const dequantizeShape: ShapeRule = (context) => {
  const [input, scale] = [context.input(0), context.input(1)];
  return input === undefined || scale === undefined ? [] : [withShape(scale, input.shape)];
};

const dynamicQuantizeShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  return [
    { dataType: DataType.UINT8, shape: input.shape },
    { dataType: DataType.FLOAT, shape: [] },
    { dataType: DataType.UINT8, shape: [] },
  ];
};

export const quantizationRules: readonly OperatorRule[] = [
  { opType: "QuantizeLinear", inferShapes: quantizeShape },
  { opType: "DequantizeLinear", inferShapes: dequantizeShape },
  { opType: "DynamicQuantizeLinear", inferShapes: dynamicQuantizeShape },
];
