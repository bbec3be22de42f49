/** Most channels a sentence names before it only counts the rest. */
const NAMED_CHANNELS = 5;

/** Channels at which something holds, ascending. */
export function channelsWhere(values: Float64Array, holds: (value: number) => boolean): number[] {
  const channels: number[] = [];
  for (const [channel, value] of values.entries()) if (holds(value)) channels.push(channel);
  return channels;
}

/** "channel 3", "channels 3, 5", "channels 0, 1, 2, 3, 4 and 7 more". */
export function channelsText(list: readonly number[]): string {
  if (list.length === 1) return `channel ${list[0]}`;
  const named = list.slice(0, NAMED_CHANNELS).join(", ");
  const rest = list.length - NAMED_CHANNELS;
  return rest > 0 ? `channels ${named} and ${rest} more` : `channels ${named}`;
}
