import { expect, test } from "vitest";
import { seededRandom } from "../../../src/data/random.ts";
import { ChannelCovariance } from "../../../src/statistics/channel-covariance.ts";

/** The definition, in one go: Σ(x − mean)(x − mean)ᵀ/(count − 1). */
function definition(rows: readonly (readonly number[])[]): number[] {
  const count = rows[0]?.length ?? 0;
  const means = rows.map((row) => row.reduce((sum, value) => sum + value, 0) / count);
  return rows.flatMap((a, i) =>
    rows.map((b, j) => {
      const products = a.map(
        (value, k) => (value - (means[i] as number)) * ((b[k] as number) - (means[j] as number)),
      );
      return products.reduce((sum, value) => sum + value, 0) / (count - 1);
    }),
  );
}

test.each([0, 1e4])("batches of any size give the covariance about a mean of %d", (offset) => {
  const random = seededRandom(1, "covariance");
  const [channels, positions] = [3, 4];
  const rows: number[][] = [[], [], []];
  const covariance = new ChannelCovariance(channels);
  for (const samples of [1, 5, 2, 17]) {
    const values = new Float32Array(samples * channels * positions);
    for (let sample = 0; sample < samples; sample++) {
      for (let channel = 0; channel < channels; channel++) {
        for (let position = 0; position < positions; position++) {
          const at = (sample * channels + channel) * positions + position;
          values[at] = offset + random.normal() * (channel + 1);
          rows[channel]?.push(values[at] as number);
        }
      }
    }
    covariance.add([samples, channels, 2, 2], values);
  }
  const { count, matrix } = covariance.result();
  expect(count).toBe(25 * positions);
  const expected = definition(rows);
  // Nothing of the offset's digits is lost: E[x²] − E[x]² would leave 1e8·2^-52 = 2e-8 of error.
  for (const [at, value] of matrix.entries()) {
    expect(Math.abs(value - (expected[at] as number))).toBeLessThan(1e-10);
  }
});

test("features without positions, and no rows at all", () => {
  const covariance = new ChannelCovariance(2);
  covariance.add([0, 2], new Float32Array(0));
  expect(covariance.result().count).toBe(0);
  covariance.add([3, 2], Float32Array.of(1, 2, 2, 4, 3, 6));
  expect([...covariance.result().mean]).toEqual([2, 4]);
  expect([...covariance.result().matrix]).toEqual([1, 2, 2, 4]);
});
