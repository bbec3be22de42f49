import { expect, test } from "vitest";
import { nearZeroVariance } from "../../../src/findings/near-zero-variance.ts";
import { fixture, withParameter } from "./fixtures.ts";

test("a near-zero variance is a warning with the amplification", () => {
  expect(nearZeroVariance.find(withParameter("bn.running_var", [1, 1e-9]))).toMatchObject([
    {
      severity: "warning",
      node: "bn",
      message: expect.stringMatching(/near zero in channel 1: channel 1 amplifies its input 316/),
    },
  ]);
});

test("a usual variance is not remarked on, nor one that is an error already", async () => {
  expect(nearZeroVariance.find(withParameter("bn.running_var", [1, 1e-3]))).toEqual([]);
  expect(nearZeroVariance.find(await fixture("negative-variance"))).toEqual([]);
});
