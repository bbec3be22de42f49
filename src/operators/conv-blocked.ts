import { intAttribute, intsAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import { flippedConvolution, flippedWeight, fullPads } from "./conv-input-gradient.ts";
import type { ConvForwardRecipe, ConvGradientRecipe, ConvMachine } from "./conv-recipe.ts";
import { addNode, padWithZeros, reshape, transpose } from "./emit.ts";
import type { OperatorRule, ShapeRule } from "./operator.ts";
import { withShape } from "./shape-rules.ts";
import { windowOutputSizes } from "./window.ts";

/*
 * ONNX Runtime has faster kernels for images whose channels lie in blocks of 8 or 16 side by side,
 * (N, C/b, H, W, b), and weights of (M/b, C/b, kH, kW, b in, b out). It uses them by itself only for
 * weights that are constants, which those of a training step are not; so the step asks for them by
 * their own operators and arranges the weights itself. Reordering the images in and out included,
 * they are up to twice as fast.
 */

/** ONNX Runtime's internal domain for these operators. */
export const BLOCKED_DOMAIN = "com.microsoft.nchwc";

/** The kernels take images whose channels come in fours, and fill the last block up with zeros. */
const CHANNEL_ALIGNMENT = 4;

/** A convolution of images that lie in blocks, or are taken as they are. */
export interface BlockedConvolution
  extends Pick<
    ConvGeometry,
    "channels" | "filters" | "group" | "kernel" | "strides" | "dilations"
  > {
  /** As blockedImage gives it. */
  readonly image: string;
  /** (M, C/G, kH, kW). */
  readonly weight: string;
  /** (M), or "" for none. */
  readonly bias: string;
  /** Begins before ends. */
  readonly pads: readonly number[];
}

export const blockedConvolution: ConvForwardRecipe = {
  name: "blocked-convolution",
  applies: (geometry, machine) =>
    fits(geometry, geometry.channels, geometry.filters, machine.channelBlock),
  build: (builder, geometry, { input, weight, bias, output }, machine) => {
    const pads = [...geometry.begin, ...geometry.end];
    const image = blockedImage(builder, geometry, input, machine);
    const blocks = addBlocked(builder, { ...geometry, image, weight, bias, pads }, machine);
    addPlainImage(builder, blocks, geometry.filters, output);
  },
};

/** flippedConvolution with blocked kernels: stride 1 only. */
export const blockedFlippedConvolution: ConvGradientRecipe = {
  name: "blocked-flipped-convolution",
  applies: (geometry, machine) =>
    flippedConvolution.applies(geometry, machine) &&
    fits(geometry, geometry.filters, geometry.channels, machine.channelBlock),
  build: (builder, geometry, weight, gradient, machine) => {
    const output = builder.freshName("ReorderOutput");
    const swapped = { ...geometry, channels: geometry.filters, filters: geometry.channels };
    const flipped: BlockedConvolution = {
      ...swapped,
      image: blockedImage(builder, swapped, gradient, machine),
      weight: flippedWeight(builder, geometry, weight),
      bias: "",
      pads: fullPads(geometry),
    };
    addPlainImage(builder, addBlocked(builder, flipped, machine), swapped.filters, output);
    return output;
  },
};

/** Two dimensions; whole blocks in each group; or fewer channels than a block, taken as they are. */
export function fits(
  { kernel, group }: ConvGeometry,
  channels: number,
  filters: number,
  block: number,
): boolean {
  if (block === 1 || kernel.length !== 2) return false;
  if (group === 1) return channels < block || channels % CHANNEL_ALIGNMENT === 0;
  if (group === channels && group === filters) return channels % block === 0;
  return (channels / group) % block === 0 && (filters / group) % block === 0;
}

/** An image (N, C, H, W) as the kernels take it. */
export function blockedImage(
  builder: GraphBuilder,
  { channels, group }: Pick<ConvGeometry, "channels" | "group">,
  image: string,
  { channelBlock }: ConvMachine,
): string {
  const asItIs = group === 1 && channels < channelBlock;
  return asItIs ? image : builder.add("ReorderInput", [image], { domain: BLOCKED_DOMAIN });
}

/** @returns the result in blocks. */
export function addBlocked(
  builder: GraphBuilder,
  convolution: BlockedConvolution,
  { channelBlock: block }: ConvMachine,
): string {
  const { filters } = convolution;
  const weight = blockedWeight(builder, convolution, block);
  const missing = wholeBlocks(filters, block) - filters;
  const bias =
    convolution.bias === "" ? [] : [padWithZeros(builder, convolution.bias, [0], [missing])];
  return builder.add("Conv", [convolution.image, weight, ...bias], {
    domain: BLOCKED_DOMAIN,
    stem: "BlockedConv",
    attributes: {
      group: { int: convolution.group },
      kernel_shape: { ints: convolution.kernel },
      strides: { ints: convolution.strides },
      dilations: { ints: convolution.dilations },
      pads: { ints: convolution.pads },
    },
  });
}

/** Takes an image out of its blocks, under a name given. */
export function addPlainImage(
  builder: GraphBuilder,
  blocks: string,
  channels: number,
  output: string,
): void {
  const attributes = { channels: { int: channels } };
  addNode(builder, "ReorderOutput", [blocks], [output], attributes, BLOCKED_DOMAIN);
}

/**
 * (M, C/G, kH, kW) to (M/b, C/G/b, kH, kW, b in, b out), zeros filling up the blocks; with a depth of
 * 1 (depthwise) or fewer channels than a block (M/b, kH, kW, C/G, b out). The shape that the kernel
 * sees stays (M, C/G, kH, kW).
 */
function blockedWeight(builder: GraphBuilder, convolution: BlockedConvolution, block: number) {
  const { weight, channels, filters, group, kernel } = convolution;
  const [height = 1, width = 1] = kernel;
  const depth = channels / group;
  const outer = wholeBlocks(filters, block);
  if (depth < block) {
    const whole = padWithZeros(builder, weight, [0, 0, 0, 0], [outer - filters, 0, 0, 0]);
    const split = reshape(builder, whole, [outer / block, block, depth, height, width]);
    const moved = transpose(builder, split, [0, 2, 3, 4, 1]);
    return reshape(builder, moved, [outer, depth, height, width]);
  }
  const inner = wholeBlocks(depth, block);
  const filled = [outer - filters, inner - depth, 0, 0];
  const whole = padWithZeros(builder, weight, [0, 0, 0, 0], filled);
  const split = [outer / block, block, inner / block, block, height, width];
  const moved = transpose(builder, reshape(builder, whole, split), [0, 2, 4, 5, 3, 1]);
  return reshape(builder, moved, [outer, inner, height, width]);
}

function wholeBlocks(channels: number, block: number): number {
  return Math.ceil(channels / block) * block;
}

/** (N, C, H, W) with C filled up to whole blocks; as the step's own graph is all that holds it, C will do. */
const reorderInputShape: ShapeRule = (context) => [context.input(0)];

const blockedShape: ShapeRule = (context) => {
  const [input, weight] = [context.input(0), context.input(1)];
  const kernel = intsAttribute(context.node, "kernel_shape");
  if (input === undefined || weight === undefined || kernel === undefined) return [];
  const [batch = 1, , ...sizes] = input.shape;
  const [filters = 1] = weight.shape;
  return [withShape(input, [batch, filters, ...windowOutputSizes(context.node, kernel, sizes)])];
};

const reorderOutputShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const [batch = 1, , ...sizes] = input.shape;
  return [withShape(input, [batch, intAttribute(context.node, "channels", 1), ...sizes])];
};

/** For following the step graph; no model that is trained has these operators. */
export const blockedRules: readonly OperatorRule[] = [
  { opType: "ReorderInput", domain: BLOCKED_DOMAIN, inferShapes: reorderInputShape },
  { opType: "Conv", domain: BLOCKED_DOMAIN, inferShapes: blockedShape },
  { opType: "ReorderOutput", domain: BLOCKED_DOMAIN, inferShapes: reorderOutputShape },
];
