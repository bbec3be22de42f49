import { type ChannelLayout, channelOfRow } from "./channel-layout.ts";
import { float32Kernel } from "./float32-kernel.ts";

/** One factor a channel of a weight. */
export interface ChannelFactor {
  readonly layout: ChannelLayout;
  readonly scale: Float64Array;
}

const WIDTH = Float32Array.BYTES_PER_ELEMENT;
const { memory, scale: scaleRun } = float32Kernel;
const memoryBytes = new Uint8Array(memory);
const memoryValues = new Float32Array(memory);

/**
 * Multiplies a part of a float32 weight in place: each product in float64, rounded once.
 *
 * @param bytes little-endian elements, wherever in memory they lie.
 * @param start where the part begins in the weight, in bytes.
 */
export function scaleFloat32(bytes: Uint8Array, start: number, factor: ChannelFactor): void {
  for (let done = 0; done < bytes.length; done += memoryBytes.length) {
    const piece = bytes.subarray(done, done + memoryBytes.length);
    memoryBytes.set(piece);
    scaleInMemory((start + done) / WIDTH, piece.length / WIDTH, factor);
    piece.set(memoryBytes.subarray(0, piece.length));
  }
}

/** The weight's elements from first on, count of them, are what the kernel's memory begins with. */
function scaleInMemory(first: number, count: number, { layout, scale }: ChannelFactor): void {
  const { inner, channelsPerGroup, repeats } = layout;
  if (inner === 1) {
    let block = Math.floor(first / channelsPerGroup);
    let start = block * channelsPerGroup - first;
    for (; start < count; block++, start += channelsPerGroup) {
      const channel = Math.floor(block / repeats) * channelsPerGroup;
      scaleEach(start, count, scale.subarray(channel, channel + channelsPerGroup));
    }
    return;
  }
  let row = Math.floor(first / inner);
  let start = row * inner - first;
  for (; start < count; row++, start += inner) {
    const end = Math.min(count, start + inner);
    const rowScale = scale[channelOfRow(layout, row)] as number;
    scaleRun(Math.max(0, start) * WIDTH, end * WIDTH, rowScale);
  }
}

/** The elements from start on have one factor each; some may lie before or behind what is here. */
function scaleEach(start: number, count: number, factors: Float64Array): void {
  const end = Math.min(factors.length, count - start);
  for (let channel = Math.max(0, -start); channel < end; channel++) {
    const position = start + channel;
    memoryValues[position] = (memoryValues[position] as number) * (factors[channel] as number);
  }
}

/** Multiplies a whole weight in place. */
export function scaleFloat64(values: Float64Array, { layout, scale }: ChannelFactor): void {
  const { inner } = layout;
  for (let row = 0, start = 0; start < values.length; row++, start += inner) {
    const rowScale = scale[channelOfRow(layout, row)] as number;
    for (let position = start; position < start + inner; position++) {
      values[position] = (values[position] as number) * rowScale;
    }
  }
}
