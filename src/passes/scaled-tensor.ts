import { DataType } from "../graph/data-type.ts";
import { readFloat64, roundedTensor } from "../graph/numbers.ts";
import { copyData, type Tensor, type TensorData } from "../graph/tensor.ts";
import { type ChannelFactor, scaleFloat32, scaleFloat64 } from "./channel-factor.ts";
import { type ChannelLayout, channelAt, sameLayout } from "./channel-layout.ts";

interface Scaled {
  readonly base: Tensor;
  readonly factors: readonly ChannelFactor[];
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
  const { byteLength } = tensor.data;
  const scaled: Tensor = {
    ...tensor,
    name,
    data: { encoding: "memory", byteLength, ...scaledData(base, all) },
  };
  origins.set(scaled, { base, factors: all });
  return scaled;
}

function withFactor(
  factors: readonly ChannelFactor[],
  added: ChannelFactor,
): readonly ChannelFactor[] {
  const same = factors.find((factor) => sameLayout(factor.layout, added.layout));
  if (same === undefined) return [...factors, added];
  const scale = added.scale.map((factor, channel) => factor * (same.scale[channel] as number));
  return factors.map((factor) => (factor === same ? { ...added, scale } : factor));
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

/** One factor on float32 needs no copy in float64, which large models are, and goes part by part. */
function scaledData(
  base: Tensor,
  factors: readonly ChannelFactor[],
): Pick<TensorData, "read" | "readInto"> {
  const [only, ...others] = factors;
  const stored = base.dataType === DataType.FLOAT && !exactValues.has(base);
  if (!stored || only === undefined || others.length > 0) {
    const exact = () => scaledFloat64(base, factors);
    return {
      read: () => roundedTensor(base.name, base.dims, base.dataType, exact()).data.read(),
    };
  }
  const readInto = (target: Uint8Array, start: number) => {
    copyData(base.data, target, start);
    scaleFloat32(target, start, only);
  };
  return {
    read: () => {
      const bytes = new Uint8Array(base.data.byteLength);
      readInto(bytes, 0);
      return bytes;
    },
    readInto,
  };
}

function scaledFloat64(tensor: Tensor, factors: readonly ChannelFactor[]): Float64Array {
  const values = exactValues.get(tensor)?.slice() ?? readFloat64(tensor);
  for (const factor of factors) scaleFloat64(values, factor);
  return values;
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
