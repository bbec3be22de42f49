import { expect, test } from "vitest";
import { biasBeforeBatchNorm } from "../../../src/findings/bias-before-batch-norm.ts";
import { fixture } from "./fixtures.ts";

test("a bias that a BatchNorm subtracts again is named, with the way to be rid of it", async () => {
  expect(biasBeforeBatchNorm.find(await fixture("conv2d-bn"))).toEqual([
    {
      rule: "bias-before-batch-norm",
      severity: "information",
      node: "conv",
      message:
        "The bias of conv has no effect: bn subtracts the mean, which contains it. While training it gets no gradient; it can move into the running mean, or disappear with a fold.",
      help: "docs/techniques/findings.md#bias-before-batch-norm",
      fix: { title: "Drop the bias of conv", pass: "drop-redundant-bias", site: "conv" },
    },
  ]);
});

test.each(["conv2d-bn-without-bias", "conv-is-graph-output", "two-consumers"])(
  "%s has no such bias",
  async (name) => {
    expect(biasBeforeBatchNorm.find(await fixture(name))).toEqual([]);
  },
);
