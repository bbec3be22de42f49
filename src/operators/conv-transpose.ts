import { intsAttribute, stringAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import type { Node } from "../graph/graph.ts";
import { type ConvGeometry, geometryBetween } from "./conv-geometry.ts";
import { weightGradientRecipe } from "./conv-recipes.ts";
import { slice, sumPerChannel } from "./emit.ts";
import { type GradientContext, type GradientRule, UNKNOWN_SIZE } from "./operator.ts";
import { readEndPadding, windowExtent, windowOf } from "./window.ts";

/** O = s·(H − 1) + output_padding + extent − begin − end, unless output_shape or auto_pad say it. */
export function convTransposeSizes(
  node: Node,
  kernel: readonly number[],
  sizes: readonly Dimension[],
): Dimension[] {
  const stated = intsAttribute(node, "output_shape");
  const window = windowOf(node, kernel, []);
  const extra = intsAttribute(node, "output_padding");
  const same = stringAttribute(node, "auto_pad", "NOTSET").startsWith("SAME");
  return sizes.map((size, axis) => {
    const given = stated?.at(axis - sizes.length);
    if (given !== undefined) return given;
    if (typeof size !== "number") return UNKNOWN_SIZE;
    const stride = window.strides[axis] ?? 1;
    const whole = (size - 1) * stride + (extra?.[axis] ?? 0) + windowExtent(window, axis);
    // Windows narrower than the stride do not reach s·H; ONNX Runtime adds nothing there.
    if (same) return Math.min(size * stride, whole);
    return whole - (window.begin[axis] ?? 0) - (window.end[axis] ?? 0);
  });
}

/**
 * ConvTranspose is the adjoint of a Conv with the same weight and window, so with that Conv
 * ∂L/∂X = Conv(∂L/∂Y, W), and W's gradient is the Conv's with X and ∂L/∂Y in each other's place.
 */
export const convTransposeGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, convolutions } = context;
  const geometry = adjointGeometry(context);
  const [input = "", weight = ""] = inputs;
  // Output positions that no input reached (output_padding) have no part in the gradient, and
  // negative padding, which Conv refuses, is cut off beforehand.
  const read = cropped(context, geometry, gradient);
  const inputGradient = () =>
    builder.add("Conv", [read, weight], {
      attributes: {
        group: { int: geometry.group },
        kernel_shape: { ints: geometry.kernel },
        strides: { ints: geometry.strides },
        dilations: { ints: geometry.dilations },
        pads: { ints: [...geometry.begin, ...geometry.readEnd.map((end) => Math.max(end, 0))] },
      },
    });
  const weightGradient = () =>
    weightGradientRecipe(convolutions.choose(geometry).weightGradient).build(
      builder,
      geometry,
      gradient,
      input,
      convolutions.machine,
    );
  return [
    context.needs(0) ? inputGradient() : undefined,
    context.needs(1) ? weightGradient() : undefined,
    context.needs(2) ? sumPerChannel(builder, gradient, context.outputShape(0)) : undefined,
  ];
};

/** The Conv whose adjoint the node is: it maps the node's output (N, M, O…) to its input. */
function adjointGeometry(context: GradientContext): ConvGeometry {
  const geometry = geometryBetween(context, context.outputShape(0), context.inputShape(0));
  const { node } = context;
  const same = stringAttribute(node, "auto_pad", "NOTSET").startsWith("SAME");
  if (!same && intsAttribute(node, "output_shape") === undefined) return geometry;
  const extra = intsAttribute(node, "output_padding") ?? [];
  // What an output of the stated size leaves over is cut off: half at each side, and an odd one at the
  // end with SAME_UPPER, else at the beginning.
  const totals = geometry.sizes.map((size, axis) => {
    const inputs = (geometry.outputSizes[axis] ?? 1) - 1;
    const whole = inputs * (geometry.strides[axis] ?? 1) + windowExtent(geometry, axis);
    return Math.max(whole + (extra[axis] ?? 0) - size, 0);
  });
  const upper = stringAttribute(node, "auto_pad", "NOTSET") === "SAME_UPPER";
  const begin = totals.map((total) => (upper ? Math.floor(total / 2) : Math.ceil(total / 2)));
  const end = totals.map((total, axis) => total - (begin[axis] ?? 0));
  const window = { ...geometry, begin, end };
  return { ...window, readEnd: readEndPadding(window, geometry.sizes, geometry.outputSizes) };
}

function cropped(context: GradientContext, geometry: ConvGeometry, gradient: string): string {
  const leftovers = geometry.readEnd.flatMap((end, axis) =>
    end < 0 ? [{ axis: axis + 2, start: 0, end: (geometry.sizes[axis] ?? 0) + end }] : [],
  );
  return slice(context.builder, gradient, leftovers);
}
