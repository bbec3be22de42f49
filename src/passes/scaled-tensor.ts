import { DataType } from "../graph/data-type.ts";
import { readFloat64, roundedTensor } from "../graph/numbers.ts";
import type { Tensor } from "../graph/tensor.ts";

/**
 * Where the channels lie in a weight, seen as the row-major array
 * [groups, repeats, channels per group, inner]. The channel of an element is
 * group · channelsPerGroup + its third index.
 *
 * - Conv, output channels: (M, C/g, k…) is 1 × 1 × M × rest
 * - ConvTranspose, output channels: (C, M/g, k…) is g × C/g × M/g × kernel
 * - Conv, input channels: (M, C/g, k…) is g × M/g × C/g × kernel
 * - Gemm and MatMul, columns: (K, N) is 1 × K × N × 1
 */
export interface ChannelLayout {
  readonly groups: number;
  readonly repeats: number;
  readonly channelsPerGroup: number;
  readonly inner: number;
}

/** One factor a channel. */
interface Factor {
  readonly layout: ChannelLayout;
  readonly scale: Float64Array;
}

interface Scaled {
  readonly base: Tensor;
  readonly factors: readonly Factor[];
}

/** How tensors of this module came about, so that scaling twice still rounds once. */
const origins = new WeakMap<Tensor, Scaled>();

/** The exact float64 values behind tensors that roundOnce made. */
const exactValues = new WeakMap<Tensor, Float64Array>();

/**
 * A weight times one factor a channel: each product in float64, rounded once to the stored type.
 *
 * The product is computed whenever the data is read and not kept, so that folding a model needs
 * memory for one layer at a time. Scaling the result again scales the original by both factors,
 * also where they lie along different axes, as after a fold from each side.
 */
export function scaledTensor(
  name: string,
  tensor: Tensor,
  layout: ChannelLayout,
  scale: Float64Array,
): Tensor {
  const { base, factors } = origins.get(tensor) ?? { base: tensor, factors: [] };
  const all = withFactor(factors, { layout, scale });
  const scaled: Tensor = {
    ...tensor,
    name,
    data: {
      encoding: "memory",
      byteLength: tensor.data.byteLength,
      read: () => scaledBytes(base, all),
      readInto: (target) => scaleInto(base, all, target),
    },
  };
  origins.set(scaled, { base, factors: all });
  return scaled;
}

function withFactor(factors: readonly Factor[], added: Factor): readonly Factor[] {
  const same = factors.find((factor) => sameLayout(factor.layout, added.layout));
  if (same === undefined) return [...factors, added];
  const scale = added.scale.map((factor, channel) => factor * (same.scale[channel] as number));
  return factors.map((factor) => (factor === same ? { ...added, scale } : factor));
}

function sameLayout(a: ChannelLayout, b: ChannelLayout): boolean {
  return (
    a.groups === b.groups &&
    a.repeats === b.repeats &&
    a.channelsPerGroup === b.channelsPerGroup &&
    a.inner === b.inner
  );
}

/** A small tensor rounded once to its type, which remembers the values before rounding. */
export function roundOnce(
  name: string,
  dims: readonly number[],
  dataType: DataType,
  values: Float64Array,
): Tensor {
  const tensor = roundedTensor(name, dims, dataType, values);
  exactValues.set(tensor, values);
  return tensor;
}

/** The values as they were before roundOnce or scaledTensor rounded them, or as they are stored. */
export function exactFloat64(tensor: Tensor): Float64Array {
  const exact = exactValues.get(tensor);
  if (exact !== undefined) return exact;
  const origin = origins.get(tensor);
  return origin === undefined ? readFloat64(tensor) : scaledFloat64(origin.base, origin.factors);
}

function scaledBytes(tensor: Tensor, factors: readonly Factor[]): Uint8Array {
  const bytes = new Uint8Array(tensor.data.byteLength);
  scaleInto(tensor, factors, bytes);
  return bytes;
}

/** One factor on float32 is multiplied in place of a copy in float64, which large models are. */
function scaleInto(tensor: Tensor, factors: readonly Factor[], target: Uint8Array): void {
  const [only, ...others] = factors;
  const stored = tensor.dataType === DataType.FLOAT && !exactValues.has(tensor);
  if (!stored || only === undefined || others.length > 0) {
    const exact = scaledFloat64(tensor, factors);
    target.set(roundedTensor(tensor.name, tensor.dims, tensor.dataType, exact).data.read());
  } else if (target.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0) {
    target.set(tensor.data.read());
    multiplyFloat32(
      new Float32Array(target.buffer, target.byteOffset, target.byteLength / 4),
      only,
    );
  } else {
    target.set(scaledBytes(tensor, factors));
  }
}

function scaledFloat64(tensor: Tensor, factors: readonly Factor[]): Float64Array {
  const values = exactValues.get(tensor)?.slice() ?? readFloat64(tensor);
  for (const factor of factors) multiplyFloat64(values, factor);
  return values;
}

/**
 * In place. JavaScript multiplies in float64; storing the product is the one rounding.
 *
 * Weights of hundreds of megabytes come through here, so both loops are plain functions over one
 * type of array: with a callback, or arrays of two types, they take two to five times as long.
 */
function multiplyFloat32(values: Float32Array, { layout, scale }: Factor): void {
  const { groups, repeats, channelsPerGroup, inner } = layout;
  let start = 0;
  for (let group = 0; group < groups; group++) {
    const first = group * channelsPerGroup;
    for (let repeat = 0; repeat < repeats; repeat++) {
      if (inner === 1) {
        multiplyEach(values, start, scale.subarray(first, first + channelsPerGroup));
        start += channelsPerGroup;
        continue;
      }
      for (let channel = 0; channel < channelsPerGroup; channel++, start += inner) {
        multiplyRow(values, start, start + inner, scale[first + channel] as number);
      }
    }
  }
}

function multiplyRow(values: Float32Array, start: number, end: number, factor: number): void {
  for (let position = start; position < end; position++) {
    values[position] = (values[position] as number) * factor;
  }
}

function multiplyEach(values: Float32Array, start: number, factors: Float64Array): void {
  for (let channel = 0; channel < factors.length; channel++) {
    const position = start + channel;
    values[position] = (values[position] as number) * (factors[channel] as number);
  }
}

function multiplyFloat64(values: Float64Array, factor: Factor): void {
  forEachRow(factor, (start, end, scale) => {
    for (let position = start; position < end; position++) {
      values[position] = (values[position] as number) * scale;
    }
  });
}

/** Calls back with each run of elements of one channel, and the channel's factor. */
function forEachRow(
  { layout, scale }: Factor,
  visit: (start: number, end: number, scale: number) => void,
): void {
  const { groups, repeats, channelsPerGroup, inner } = layout;
  let start = 0;
  for (let group = 0; group < groups; group++) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (let channel = 0; channel < channelsPerGroup; channel++, start += inner) {
        visit(start, start + inner, scale[group * channelsPerGroup + channel] as number);
      }
    }
  }
}

/**
 * Σ of weight × input over everything but the output channel, where the input is constant in each
 * of its channels: what a shift in front of a linear operator adds behind it.
 *
 * @param output the layout of the result's channels in the same weight.
 */
export function shiftThrough(
  values: Float64Array,
  input: ChannelLayout,
  output: ChannelLayout,
  shift: Float64Array,
): Float64Array {
  const sums = new Float64Array(output.groups * output.channelsPerGroup);
  for (const [position, value] of values.entries()) {
    const channel = channelAt(output, position);
    sums[channel] =
      (sums[channel] as number) + value * (shift[channelAt(input, position)] as number);
  }
  return sums;
}

/** The channel of the element at a row-major position. */
export function channelAt(layout: ChannelLayout, position: number): number {
  const { channelsPerGroup, repeats, inner } = layout;
  const block = Math.floor(position / inner);
  const group = Math.floor(block / (channelsPerGroup * repeats));
  return group * channelsPerGroup + (block % channelsPerGroup);
}
