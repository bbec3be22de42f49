import { intsAttribute, stringAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import type { Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { type ConvGeometry, geometryBetween } from "./conv-geometry.ts";
import { chooseWeightGradient } from "./conv-weight-gradient.ts";
import { slice, sumOver } from "./emit.ts";
import { type GradientContext, type GradientRule, UNKNOWN_SIZE } from "./operator.ts";
import { rangeOf } from "./shape-algebra.ts";
import { windowExtent, windowOf } from "./window.ts";

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
    if (same) return size * stride;
    const padding = (window.begin[axis] ?? 0) + (window.end[axis] ?? 0);
    return (size - 1) * stride + (extra?.[axis] ?? 0) + windowExtent(window, axis) - padding;
  });
}

/**
 * ConvTranspose is the adjoint of a Conv with the same weight and window, so with that Conv
 * ∂L/∂X = Conv(∂L/∂Y, W), and W's gradient is the Conv's with X and ∂L/∂Y in each other's place.
 */
export const convTransposeGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
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
  return [
    context.needs(0) ? inputGradient() : undefined,
    context.needs(1)
      ? chooseWeightGradient(geometry).build(builder, geometry, gradient, input)
      : undefined,
    context.needs(2)
      ? sumOver(builder, gradient, [0, ...rangeOf(geometry.sizes.length, 2)])
      : undefined,
  ];
};

/** The Conv whose adjoint the node is: it maps the node's output (N, M, O…) to its input. */
function adjointGeometry(context: GradientContext): ConvGeometry {
  const automatic = stringAttribute(context.node, "auto_pad", "NOTSET").startsWith("SAME");
  if (automatic || intsAttribute(context.node, "output_shape") !== undefined) {
    throw new InputError(
      `node ${context.node.name}: ConvTranspose with auto_pad or output_shape has no gradient yet; state its pads`,
    );
  }
  return geometryBetween(context, context.outputShape(0), context.inputShape(0));
}

function cropped(context: GradientContext, geometry: ConvGeometry, gradient: string): string {
  const leftovers = geometry.readEnd.flatMap((end, axis) =>
    end < 0 ? [{ axis: axis + 2, start: 0, end: (geometry.sizes[axis] ?? 0) + end }] : [],
  );
  return slice(context.builder, gradient, leftovers);
}
