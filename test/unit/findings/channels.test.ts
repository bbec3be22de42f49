import { expect, test } from "vitest";
import { channelsText, channelsWhere } from "../../../src/findings/channels.ts";

test("few channels are named, many are counted", () => {
  expect(channelsText([3])).toBe("channel 3");
  expect(channelsText([3, 5])).toBe("channels 3, 5");
  expect(channelsText([0, 1, 2, 3, 4, 7, 9])).toBe("channels 0, 1, 2, 3, 4 and 2 more");
});

test("channels are found by their values", () => {
  expect(channelsWhere(Float64Array.of(1, -1, 2), (value) => value > 0)).toEqual([0, 2]);
});
