import { expect, test } from "vitest";
import { feed, node, numbers, runStep } from "./step-harness.ts";

/*
 * The gradient of a convolution's bias is the sum of the output's gradient over batch and positions.
 * Rounding to nearest errs by at most u = 2⁻²⁴ of what is rounded, so that a sum of n numbers around 1
 * errs by about u·√n where few partial sums are as large as itself. One accumulator after the other
 * errs by 7 times that at 128×128.
 */
const MOST = 4;

test.each([
  [4, 8, 128, 128],
  [16, 8, 28, 28],
  [8, 8, 23, 29],
  [64, 8, 5, 7],
])("sums of a %i×%i×%i×%i gradient per channel hardly round", async (...shape) => {
  const [batch, channels, height, width] = shape;
  const sample = numbers(shape, 3);
  const values = { shape, data: feed(sample).data as Float32Array };
  const model = {
    nodes: [node("Conv", ["X", "W", "B"], ["Y"])],
    inputs: {
      X: numbers([batch, 1, height, width]),
      W: numbers([channels, 1, 1, 1]),
      B: numbers([channels]),
    },
    output: "Y",
  };
  const [one, two] = [await runStep(model, values, {}, 1), await runStep(model, values, {}, 2)];
  const sums = new Float64Array(channels);
  for (const [index, value] of values.data.entries()) {
    const channel = Math.floor(index / (height * width)) % channels;
    sums[channel] = (sums[channel] ?? 0) + value;
  }
  const actual = one.gradients.B?.data as Float32Array;
  expect(two.gradients.B?.data).toEqual(actual);
  const square = sums.reduce(
    (total, sum, channel) => total + ((actual[channel] ?? 0) - sum) ** 2,
    0,
  );
  const error = Math.sqrt(square / channels);
  expect(error).toBeLessThan(MOST * 2 ** -24 * Math.sqrt(batch * height * width));
});
