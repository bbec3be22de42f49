import fc from "fast-check";
import { expect, test } from "vitest";
import { scaleFloat32, scaleFloat64 } from "../../../src/passes/channel-factor.ts";
import { channelAt } from "../../../src/passes/channel-layout.ts";

const layouts = fc.record({
  groups: fc.integer({ min: 1, max: 3 }),
  repeats: fc.integer({ min: 1, max: 4 }),
  channelsPerGroup: fc.integer({ min: 1, max: 9 }),
  inner: fc.integer({ min: 1, max: 11 }),
});

const cases = layouts.chain((layout) => {
  const { groups, repeats, channelsPerGroup, inner } = layout;
  const channels = groups * channelsPerGroup;
  const count = channels * repeats * inner;
  return fc.record({
    layout: fc.constant(layout),
    scale: fc.float64Array({ minLength: channels, maxLength: channels }),
    weight: fc.float32Array({ minLength: count, maxLength: count }),
    cut: fc.integer({ min: 0, max: count }),
    misaligned: fc.integer({ min: 0, max: 3 }),
  });
});

test("a weight scaled in two parts has each product rounded once, wherever it lies in memory", () => {
  fc.assert(
    fc.property(cases, ({ layout, scale, weight, cut, misaligned }) => {
      const bytes = new Uint8Array(weight.byteLength + misaligned).subarray(misaligned);
      bytes.set(new Uint8Array(weight.buffer));
      scaleFloat32(bytes.subarray(0, 4 * cut), 0, { layout, scale });
      scaleFloat32(bytes.subarray(4 * cut), 4 * cut, { layout, scale });
      const products = weight.map(
        (value, position) => value * (scale[channelAt(layout, position)] as number),
      );
      expect(new Float32Array(bytes.slice().buffer)).toEqual(products);
    }),
    { numRuns: 500 },
  );
});

test("a weight larger than what is multiplied at once", () => {
  const layout = { groups: 1, repeats: 1, channelsPerGroup: 7, inner: 100_003 };
  const weight = Float32Array.from({ length: 7 * 100_003 }, (_, index) => Math.sin(index) / 3);
  const scale = Float64Array.from({ length: 7 }, (_, channel) => 1 / (channel + 3));
  const scaled = weight.slice();
  scaleFloat32(new Uint8Array(scaled.buffer), 0, { layout, scale });
  const exact = Float64Array.from(weight);
  scaleFloat64(exact, { layout, scale });
  const expected = Buffer.from(Float32Array.from(exact).buffer);
  expect(Buffer.compare(Buffer.from(scaled.buffer), expected)).toBe(0);
});
