import { DataType, dataTypeName } from "../graph/data-type.ts";
import { InputError } from "../graph/input-error.ts";
import { float16ToNumber } from "../graph/numbers.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type ChannelLayout, channelAt } from "./channel-layout.ts";

/** Largest finite number of each type. */
const LARGEST: ReadonlyMap<DataType, number> = new Map([
  [DataType.FLOAT16, 65504],
  [DataType.BFLOAT16, (2 - 2 ** -7) * 2 ** 127],
  [DataType.FLOAT, (2 - 2 ** -23) * 2 ** 127],
  [DataType.DOUBLE, Number.MAX_VALUE],
]);

/** The first value that a type cannot hold, in words; undefined when it holds them all. */
export function overflowOf(values: Float64Array, dataType: DataType): string | undefined {
  const largest = LARGEST.get(dataType) ?? Number.MAX_VALUE;
  const channel = values.findIndex((value) => !(Math.abs(value) <= largest));
  if (channel < 0) return undefined;
  return `${values[channel]?.toPrecision(3)} in channel ${channel}, which ${dataTypeName(dataType)} cannot hold`;
}

/**
 * The same for a scaled weight, by the largest product of each channel.
 *
 * Only float16 ends within the reach of weights and scales, so only its weights are read, and only
 * where a scale enlarges them. Bit patterns without the sign are in the order of their magnitudes.
 */
export function weightOverflow(
  weight: Tensor,
  layout: ChannelLayout,
  scale: Float64Array,
): string | undefined {
  if (weight.dataType !== DataType.FLOAT16) return undefined;
  if (scale.every((factor) => Math.abs(factor) <= 1)) return undefined;
  const bytes = readable(weight);
  if (bytes === undefined) return undefined;
  const patterns = new Uint16Array(bytes.slice().buffer);
  const largest = new Uint16Array(scale.length);
  for (const [position, pattern] of patterns.entries()) {
    const channel = channelAt(layout, position);
    const magnitude = pattern & 0x7fff;
    if (magnitude > (largest[channel] as number)) largest[channel] = magnitude;
  }
  const products = scale.map((factor, m) => factor * float16ToNumber(largest[m] as number));
  return overflowOf(products, weight.dataType);
}

/** Undefined where external data is missing, which is said when the model is written. */
function readable(tensor: Tensor): Uint8Array | undefined {
  try {
    return tensor.data.read();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
