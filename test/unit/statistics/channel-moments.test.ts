import { expect, test } from "vitest";
import { seededRandom } from "../../../src/data/random.ts";
import { ChannelMoments } from "../../../src/statistics/channel-moments.ts";

const [SAMPLES, CHANNELS, POSITIONS] = [10, 3, 4];
const random = seededRandom(1, "channel moments");
/** A mean of 10,000 beside a deviation of one: E[x²] − E[x]² in float32 would have no digit left. */
const values = Float32Array.from(
  { length: SAMPLES * CHANNELS * POSITIONS },
  (_, index) => 1e4 * (1 + (Math.floor(index / POSITIONS) % CHANNELS)) + random.normal(),
);

function naive(channel: number) {
  const column = Array.from(values).filter(
    (_, index) => Math.floor(index / POSITIONS) % CHANNELS === channel,
  );
  const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
  return { mean, squares: column.reduce((sum, value) => sum + (value - mean) ** 2, 0) };
}

test.each([1, 3, 10])("batches of %i give the moments of each channel", (size) => {
  const moments = new ChannelMoments();
  expect(moments.channels).toEqual([]);
  const perSample = CHANNELS * POSITIONS;
  for (let start = 0; start < SAMPLES; start += size) {
    const batch = values.subarray(start * perSample, (start + size) * perSample);
    moments.add([batch.length / perSample, CHANNELS, 2, 2], batch);
  }
  for (const [channel, { count, mean, squaredDeviations }] of moments.channels.entries()) {
    expect(count).toBe(SAMPLES * POSITIONS);
    expect(mean).toBeCloseTo(naive(channel).mean, 8);
    expect(squaredDeviations / naive(channel).squares).toBeCloseTo(1, 9);
  }
});

test("without positions, and with numbers that are none", () => {
  const moments = new ChannelMoments();
  moments.add([2, 2], Float32Array.of(1, Number.NaN, 3, 5));
  moments.add([0, 2], new Float32Array());
  const [first, second] = moments.channels;
  expect([first?.count, first?.mean, first?.squaredDeviations]).toEqual([2, 2, 2]);
  expect([second?.count, second?.finite]).toEqual([2, 1]);
});
