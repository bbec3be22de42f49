import { intAttribute } from "../graph/attributes.ts";
import type { GradientContext } from "./operator.ts";
import { readEndPadding, type Window, windowOf } from "./window.ts";

/** Everything about one convolution that decides how its gradients are computed. All static. */
export interface ConvGeometry extends Window {
  readonly group: number;
  readonly batch: number;
  /** C, the input channels of all groups. */
  readonly channels: number;
  /** M, the output channels of all groups. */
  readonly filters: number;
  /** Spatial sizes of X and Y. */
  readonly sizes: readonly number[];
  readonly outputSizes: readonly number[];
  /** See readEndPadding: (O − 1)·s + extent − H − begin. */
  readonly readEnd: readonly number[];
}

type ConvContext = Pick<GradientContext, "node" | "inputShape" | "outputShape">;

export function convGeometry(context: ConvContext): ConvGeometry {
  return geometryBetween(context, context.inputShape(0), context.outputShape(0));
}

/** The geometry of a Conv from `input` (N, C, H…) to `output` (N, M, O…) with the node's window. */
export function geometryBetween(
  context: ConvContext,
  input: readonly number[],
  output: readonly number[],
): ConvGeometry {
  const [batch = 1, channels = 1, ...sizes] = input;
  const [, filters = 1, ...outputSizes] = output;
  const window = windowOf(context.node, context.inputShape(1).slice(2), sizes);
  return {
    ...window,
    group: intAttribute(context.node, "group", 1),
    batch,
    channels,
    filters,
    sizes,
    outputSizes,
    readEnd: readEndPadding(window, sizes, outputSizes),
  };
}
