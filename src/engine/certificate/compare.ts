import { float16ToNumber } from "../../graph/numbers.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { RuntimeTensor } from "../../runtime/runtime.ts";

/** How two tensors of one shape differ, channel by channel. */
export interface Comparison {
  /** Elements of one channel. */
  readonly elementsPerChannel: number;
  /**
   * The largest finite magnitude in each channel of the first tensor; the number of its elements
   * where they are whole numbers or truth values.
   */
  readonly scale: Float64Array;
  /** The distance from the smallest to the largest number in each channel of the first tensor. */
  readonly range: Float64Array;
  /**
   * The largest |second − first| in each channel; Infinity where one is NaN or infinite and the
   * other is not the same. For whole numbers and truth values, the number of differing elements.
   */
  readonly difference: Float64Array;
  /** Where each channel's largest difference lies: flat row-major index. */
  readonly where: Int32Array;
}

/**
 * Compares along axis 1, where ONNX has the channel; a tensor with fewer axes is one channel.
 *
 * @returns a phrase when type or shape differ, so that there is nothing to subtract.
 */
export function compareTensors(first: RuntimeTensor, second: RuntimeTensor): Comparison | string {
  if (first.type !== second.type) return `is ${second.type} instead of ${first.type}`;
  if (`${first.dims}` !== `${second.dims}`) {
    return `has shape [${second.dims}] instead of [${first.dims}]`;
  }
  const a = numbers(first);
  const b = numbers(second);
  const channels = first.dims.length > 1 ? (first.dims[1] as number) : 1;
  const inner = elementCount(first.dims.slice(2));
  const lowest = new Float64Array(channels).fill(Number.POSITIVE_INFINITY);
  const highest = new Float64Array(channels).fill(Number.NEGATIVE_INFINITY);
  const difference = new Float64Array(channels);
  const where = new Int32Array(channels);
  const discrete = isDiscrete(first);
  const single = first.dims.length <= 1;
  for (let start = 0, row = 0; start < a.length; row++) {
    const channel = single ? 0 : row % channels;
    const end = single ? a.length : start + inner;
    let low = lowest[channel] as number;
    let high = highest[channel] as number;
    let worst = difference[channel] as number;
    let position = where[channel] as number;
    for (; start < end; start++) {
      const x = a[start] as number;
      const y = b[start] as number;
      if (x < low && x !== Number.NEGATIVE_INFINITY) low = x;
      if (x > high && x !== Number.POSITIVE_INFINITY) high = x;
      // One test that nearly every pair passes; what is NaN or infinite fails it.
      if (!discrete && Math.abs(x - y) <= worst) continue;
      if (x === y) continue;
      const next = discrete ? worst + 1 : distance(x, y);
      if (next > worst) {
        worst = next;
        position = start;
      }
    }
    lowest[channel] = low;
    highest[channel] = high;
    difference[channel] = worst;
    where[channel] = position;
  }
  const elementsPerChannel = a.length / Math.max(channels, 1);
  const range = highest.map((high, c) => Math.max(0, high - (lowest[c] as number)));
  const scale = discrete
    ? new Float64Array(channels).fill(elementsPerChannel)
    : highest.map((high, c) => Math.max(0, high, -(lowest[c] as number)));
  return { elementsPerChannel, scale, range, difference, where };
}

/** The largest finite magnitude in each channel of any of some tensors with the same channels. */
export function largestScale(tensors: readonly RuntimeTensor[]): Float64Array {
  let scale = new Float64Array(0);
  for (const tensor of tensors) {
    const compared = compareTensors(tensor, tensor);
    if (typeof compared === "string") continue;
    scale = compared.scale.map((value, channel) => Math.max(value, scale[channel] ?? 0));
  }
  return scale;
}

/** NaN equals NaN at the same place; any other meeting of unequal non-finite numbers is infinite. */
function distance(x: number, y: number): number {
  if (Number.isNaN(x) && Number.isNaN(y)) return 0;
  const difference = Math.abs(x - y);
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}

/** Types of decisions rather than measurements: labels, indices, masks. */
export function isDiscrete(tensor: RuntimeTensor): boolean {
  return !tensor.type.startsWith("float");
}

function numbers(tensor: RuntimeTensor): ArrayLike<number> {
  const { data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return Float64Array.from(data as Iterable<bigint>, Number);
  }
  if (tensor.type === "float16" && data instanceof Uint16Array) {
    return Float64Array.from(data, float16ToNumber);
  }
  return data;
}

/** Whether every number of a tensor is finite. */
export function allFinite(tensor: RuntimeTensor): boolean {
  const values = numbers(tensor);
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
