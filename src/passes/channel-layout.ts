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

export function sameLayout(a: ChannelLayout, b: ChannelLayout): boolean {
  return (
    a.groups === b.groups &&
    a.repeats === b.repeats &&
    a.channelsPerGroup === b.channelsPerGroup &&
    a.inner === b.inner
  );
}

/** The channel of the element at a row-major position. */
export function channelAt(layout: ChannelLayout, position: number): number {
  return channelOfRow(layout, Math.floor(position / layout.inner));
}

/** The channel of a row of inner elements. */
export function channelOfRow({ channelsPerGroup, repeats }: ChannelLayout, row: number): number {
  const group = Math.floor(row / (channelsPerGroup * repeats));
  return group * channelsPerGroup + (row % channelsPerGroup);
}
