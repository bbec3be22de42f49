import { expect, test } from "vitest";
import { prunableChannel } from "../../../src/findings/prunable-channel.ts";
import { withParameter } from "./fixtures.ts";

test("a negligible scale is a channel to prune", () => {
  expect(prunableChannel.find(withParameter("bn.weight", [0, 1]))).toMatchObject([
    {
      severity: "information",
      node: "bn",
      message: expect.stringContaining("in channel 0, so the output there is constant"),
    },
  ]);
});

test("a small scale beside one of its kind is none", () => {
  expect(prunableChannel.find(withParameter("bn.weight", [1e-9, -1e-9]))).toEqual([]);
});
