import type { GraphBuilder } from "../graph/builder.ts";
import { addBlocked, addPlainImage, blockedImage, fits } from "./conv-blocked.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import type { ConvGradientRecipe, ConvMachine } from "./conv-recipe.ts";
import { reshape, slice, swapFirstTwo } from "./emit.ts";
import { rangeOf } from "./shape-algebra.ts";

/*
 * The gradient of a strided convolution's input, one convolution without stride for each phase. With
 * the position i = s·q + r of a phase r < s, only every s-th tap of the kernel reaches it:
 *
 *   ∂L/∂X[s·q + r] = Σ_o ∂L/∂Y[o]·W[i + p − s·o] = Σ_t ∂L/∂Y[q − t]·W[s·t + r + p]
 *
 * for all t with 0 ≤ s·t + r + p < k. The phases' results are put between each other while their
 * channels lie in blocks, where that moves whole blocks and not single numbers (Shi et al. 2016 call
 * such an arrangement of channels a periodic shuffling).
 */

/** What one phase of one axis takes: taps of the kernel, and padding of the output's gradient. */
interface Phase {
  readonly lastTap: number;
  readonly taps: number;
  readonly begin: number;
  readonly end: number;
}

/** Two dimensions, a stride, no dilation, one group, whole blocks of channels. */
export const blockedConvolutionPerPhase: ConvGradientRecipe = {
  name: "blocked-convolution-per-phase",
  applies: (geometry, machine) =>
    fits(geometry, geometry.filters, geometry.channels, machine.channelBlock) &&
    geometry.group === 1 &&
    geometry.channels % machine.channelBlock === 0 &&
    geometry.strides.some((stride) => stride > 1) &&
    geometry.dilations.every((dilation) => dilation === 1) &&
    phasesOf(geometry).every((phases) =>
      phases.every(({ taps, begin, end }) => taps > 0 && begin >= 0 && end >= 0),
    ),
  build: (builder, geometry, weight, gradient, machine) => {
    const { batch, channels, filters, sizes, strides } = geometry;
    const { channelBlock: block } = machine;
    const [rows = [], columns = []] = phasesOf(geometry);
    const [height = 1, width = 1] = rangeOf(2).map((axis) => periods(geometry, axis));
    const [rowStride = 1, columnStride = 1] = strides;
    const image = blockedImage(builder, { channels: filters, group: 1 }, gradient, machine);
    const single = [batch, channels / block, height, 1, width, 1, block];
    const lines = rows.map((row) => {
      const cells = columns.map((column) => {
        const result = phaseGradient(builder, geometry, [row, column], { weight, image }, machine);
        return reshape(builder, result, single);
      });
      return builder.add("Concat", cells, { attributes: { axis: { int: 5 } } });
    });
    const whole = builder.add("Concat", lines, { attributes: { axis: { int: 3 } } });
    const found = [height * rowStride, width * columnStride];
    const blocks = reshape(builder, whole, [batch, channels, ...found]);
    const output = builder.freshName("ReorderOutput");
    addPlainImage(builder, blocks, channels, output);
    const beyond = rangeOf(2).filter((axis) => found[axis] !== sizes[axis]);
    return slice(
      builder,
      output,
      beyond.map((axis) => ({ axis: axis + 2, start: 0, end: sizes[axis] as number, step: 1 })),
    );
  },
};

/** ⌈H / s⌉, the positions of a phase. */
function periods({ sizes, strides }: ConvGeometry, axis: number): number {
  return Math.ceil((sizes[axis] as number) / (strides[axis] as number));
}

/** The phases of each axis. */
function phasesOf(geometry: ConvGeometry): Phase[][] {
  const { kernel, strides, begin, outputSizes } = geometry;
  return kernel.map((size, axis) => {
    const stride = strides[axis] as number;
    return rangeOf(stride).map((phase) => {
      const offset = phase + (begin[axis] as number);
      const first = -Math.floor(offset / stride);
      const last = Math.floor((size - 1 - offset) / stride);
      return {
        lastTap: stride * last + offset,
        taps: last - first + 1,
        begin: last,
        end: periods(geometry, axis) - first - (outputSizes[axis] as number),
      };
    });
  });
}

/** (N, C, Q, Q′) in blocks, of one phase a spatial axis. */
function phaseGradient(
  builder: GraphBuilder,
  { strides, channels, filters }: ConvGeometry,
  phases: readonly [Phase, Phase],
  values: { readonly weight: string; readonly image: string },
  machine: ConvMachine,
): string {
  // Backwards, because a window reads forwards: its first tap is that of the largest t.
  const taps = phases.map(({ lastTap, taps }, axis) => {
    const stride = strides[axis] as number;
    const before = lastTap - taps * stride;
    return { axis: axis + 2, start: lastTap, end: before < 0 ? -(2 ** 31) : before, step: -stride };
  });
  const phaseWeight = swapFirstTwo(builder, slice(builder, values.weight, taps), 4);
  return addBlocked(
    builder,
    {
      image: values.image,
      weight: phaseWeight,
      bias: "",
      channels: filters,
      filters: channels,
      group: 1,
      kernel: phases.map(({ taps }) => taps),
      strides: [1, 1],
      dilations: [1, 1],
      pads: [...phases.map(({ begin }) => begin), ...phases.map(({ end }) => end)],
    },
    machine,
  );
}
