import { expect, test } from "vitest";
import { batchNormNumerics } from "../../../src/findings/batch-norm-numerics.ts";
import { fixture } from "./fixtures.ts";

test.each([
  ["negative-variance", "is negative, -0.5, in channel"],
  ["nan-variance", "is NaN in channel"],
  ["infinite-variance", "is Inf in channel"],
  ["zero-variance-zero-epsilon", "divides by zero"],
])("%s is an error", async (name, words) => {
  const errors = batchNormNumerics.find(await fixture(name));
  expect(errors).toMatchObject([
    { severity: "error", node: "bn", message: expect.stringContaining(words) },
  ]);
});

test("a small variance is none", async () => {
  expect(batchNormNumerics.find(await fixture("tiny-variance"))).toEqual([]);
});
