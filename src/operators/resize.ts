import { findAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import { readNumbers } from "../graph/numbers.ts";
import { type OperatorRule, type ShapeContext, UNKNOWN_SIZE } from "./operator.ts";
import { shapeOfFirst } from "./shape-rules.ts";

/** Positions of the scales: input 2 from opset 11, input 1 for Resize-10 and Upsample. */
function scalesOf(context: ShapeContext): readonly number[] | undefined {
  const attribute = findAttribute(context.node, "scales");
  if (attribute !== undefined) return attribute.floats;
  const early = context.node.opType === "Upsample" || context.opset < 11;
  const tensor = context.constant(early ? 1 : 2);
  const scales = tensor === undefined ? [] : readNumbers(tensor);
  return scales.length === 0 ? undefined : scales;
}

const resizeShape = shapeOfFirst((shape, context): readonly Dimension[] => {
  const axes = findAttribute(context.node, "axes")?.ints.map(Number);
  const scales = scalesOf(context);
  const sizes = context.elements(3);
  return shape.map((size, axis) => {
    const position = axes === undefined ? axis : axes.indexOf(axis);
    if (position < 0) return size;
    const stated = scales === undefined ? sizes?.[position] : undefined;
    if (stated !== undefined) return stated;
    const factor = scales?.[position];
    if (factor === 1) return size;
    return typeof size === "number" && factor !== undefined
      ? Math.floor(size * factor)
      : UNKNOWN_SIZE;
  });
});

export const resizeRules: readonly OperatorRule[] = [
  { opType: "Resize", inferShapes: resizeShape },
  { opType: "Upsample", inferShapes: resizeShape },
];
