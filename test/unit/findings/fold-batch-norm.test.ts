import { expect, test } from "vitest";
import { foldBatchNormFindings } from "../../../src/findings/fold-batch-norm.ts";
import { convModel, randomConfiguration } from "../passes/conv-models.ts";
import { fixture } from "./fixtures.ts";

const help = "docs/folding.md#what-folds";

test("a BatchNorm that folds is offered with its fix", () => {
  expect(foldBatchNormFindings.find(convModel(randomConfiguration(2)))).toEqual([
    {
      rule: "fold-batch-norm",
      severity: "information",
      node: "bn",
      message: "bn can be folded into conv.",
      help,
      fix: { title: "Fold bn into conv", pass: "fold-batch-norm", site: "bn" },
    },
  ]);
});

test("one that stands alone says why and offers the other form, once", async () => {
  expect(foldBatchNormFindings.find(await fixture("bn-after-relu"))).toEqual([
    {
      rule: "fold-batch-norm",
      severity: "information",
      node: "bn",
      message:
        "bn is not folded. Its input comes from Relu relu, which has no weights to fold into.",
      help,
      reason: "Its input comes from Relu relu, which has no weights to fold into.",
      fix: { title: "Rewrite bn as Mul and Add", pass: "batch-norm-to-affine", site: "bn" },
    },
  ]);
});

test("arithmetic is remarked on only where it folds", async () => {
  expect(foldBatchNormFindings.find(await fixture("conv-mul-wrong-axis"))).toEqual([]);
  expect(foldBatchNormFindings.find(await fixture("conv-mul"))).toMatchObject([
    { message: "mul can be folded into conv.", fix: { title: "Fold mul into conv" } },
  ]);
});

test("a BatchNorm that trains is left to its own rule", async () => {
  expect(foldBatchNormFindings.find(await fixture("training-mode"))).toEqual([]);
});
