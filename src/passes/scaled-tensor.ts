import { DataType } from "../graph/data-type.ts";
import { readFloat64, roundedTensor } from "../graph/numbers.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";

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

interface Scaled {
  readonly base: Tensor;
  readonly layout: ChannelLayout;
  readonly scale: Float64Array;
}

/** How tensors of this module came about, so that scaling twice still rounds once. */
const origins = new WeakMap<Tensor, Scaled>();

/** The exact float64 values behind tensors that roundOnce made. */
const exactValues = new WeakMap<Tensor, Float64Array>();

/**
 * A weight times one factor a channel: each product in float64, rounded once to the stored type.
 *
 * The product is computed whenever the data is read and not kept, so that folding a model needs
 * memory for one layer at a time. Scaling the result again scales the original by both factors.
 */
export function scaledTensor(
  name: string,
  tensor: Tensor,
  layout: ChannelLayout,
  scale: Float64Array,
): Tensor {
  const origin = origins.get(tensor);
  if (origin !== undefined && sameLayout(origin.layout, layout)) {
    const both = scale.map((factor, channel) => factor * (origin.scale[channel] as number));
    return scaledTensor(name, origin.base, layout, both);
  }
  const scaled: Tensor = {
    ...tensor,
    name,
    data: {
      encoding: "memory",
      byteLength: tensor.data.byteLength,
      read: () => scaledBytes(tensor, layout, scale),
    },
  };
  origins.set(scaled, { base: tensor, layout, scale });
  return scaled;
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

/** The values as they were before roundOnce rounded them, or as they are stored. */
export function exactFloat64(tensor: Tensor): Float64Array {
  return exactValues.get(tensor) ?? readFloat64(tensor);
}

function scaledBytes(tensor: Tensor, layout: ChannelLayout, scale: Float64Array): Uint8Array {
  if (tensor.dataType === DataType.FLOAT) {
    const source = float32View(tensor.data.read());
    const target = new Float32Array(source.length);
    multiply(source, target, layout, scale);
    return new Uint8Array(target.buffer);
  }
  const source = readFloat64(tensor);
  const target = new Float64Array(elementCount(tensor.dims));
  multiply(source, target, layout, scale);
  return roundedTensor(tensor.name, tensor.dims, tensor.dataType, target).data.read();
}

/** A view where the file's bytes happen to be aligned, a copy elsewhere. */
function float32View(bytes: Uint8Array): Float32Array {
  const length = bytes.byteLength / Float32Array.BYTES_PER_ELEMENT;
  if (bytes.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0) {
    return new Float32Array(bytes.buffer, bytes.byteOffset, length);
  }
  return new Float32Array(bytes.slice().buffer, 0, length);
}

/** JavaScript multiplies in float64; storing into the target is the one rounding. */
function multiply<Values extends Float32Array | Float64Array>(
  source: Values,
  target: Values,
  layout: ChannelLayout,
  scale: Float64Array,
): void {
  const { groups, repeats, channelsPerGroup, inner } = layout;
  let position = 0;
  for (let group = 0; group < groups; group++) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (let channel = 0; channel < channelsPerGroup; channel++) {
        const factor = scale[group * channelsPerGroup + channel] as number;
        for (const end = position + inner; position < end; position++) {
          target[position] = (source[position] as number) * factor;
        }
      }
    }
  }
}
