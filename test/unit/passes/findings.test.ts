import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { findings } from "../../../src/passes/findings.ts";
import { findPass, PASSES } from "../../../src/passes/registry.ts";
import { convModel, randomConfiguration } from "./conv-models.ts";

const fixture = (name: string) =>
  readModel(new URL(`../../fixtures/onnx/${name}.onnx`, import.meta.url).pathname);

/** A model with two output channels and the given values of one BatchNorm parameter. */
function withParameter(name: string, values: readonly number[]): Graph {
  const shape = { groups: 1, outputsPerGroup: 2, epsilon: 1e-5 };
  const model = convModel({ ...randomConfiguration(1), ...shape });
  const tensor = float32Tensor(name, [2], values);
  return { ...model, initializers: new Map(model.initializers).set(name, tensor) };
}

describe("findings", () => {
  test("are computed once a graph", () => {
    const graph = convModel(randomConfiguration(2));
    expect(findings(graph)).toBe(findings(graph));
    expect(findings({ ...graph })).not.toBe(findings(graph));
  });

  test("a BatchNorm that folds is offered with its fix", () => {
    expect(findings(convModel(randomConfiguration(2)))).toEqual([
      {
        rule: "fold-batch-norm",
        severity: "information",
        node: "bn",
        message: "bn can be folded into conv.",
        fix: { title: "Fold bn into conv", pass: "fold-batch-norm", site: "bn" },
      },
    ]);
  });

  test("one that stands alone says why and offers the other form, once", async () => {
    expect(findings(await fixture("bn-after-relu"))).toEqual([
      {
        rule: "fold-batch-norm",
        severity: "information",
        node: "bn",
        message:
          "bn is not folded. Its input comes from Relu relu, which has no weights to fold into.",
        reason: "Its input comes from Relu relu, which has no weights to fold into.",
        fix: { title: "Rewrite bn as Mul and Add", pass: "batch-norm-to-affine", site: "bn" },
      },
    ]);
  });

  test.each([
    ["negative-variance", "is negative, -0.5, in channel"],
    ["nan-variance", "is NaN in channel"],
    ["infinite-variance", "is Inf in channel"],
    ["zero-variance-zero-epsilon", "divides by zero"],
  ])("%s is an error", async (name, words) => {
    const errors = findings(await fixture(name)).filter((each) => each.severity === "error");
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ rule: "batch-norm-numerics", node: "bn" });
    expect(errors[0]?.message).toContain(words);
  });

  test("a near-zero variance is a warning with the amplification", () => {
    const warnings = findings(withParameter("bn.running_var", [1, 1e-9]));
    expect(warnings.at(-1)).toMatchObject({
      rule: "near-zero-variance",
      severity: "warning",
      message: expect.stringMatching(/near zero in channel 1: channel 1 amplifies its input \d+/),
    });
  });

  test("a negligible scale is a channel to prune", () => {
    const remarks = findings(withParameter("bn.weight", [0, 1]));
    expect(remarks.at(-1)).toMatchObject({
      rule: "prunable-channel",
      severity: "information",
      message: expect.stringContaining("in channel 0, so the output there is constant"),
    });
  });

  test("a parameter of a normalization that nobody reads is named", () => {
    const model = convModel(randomConfiguration(4));
    const left = float32Tensor("layer1.bn.running_mean", [3], [1, 2, 3]);
    const initializers = new Map(model.initializers).set(left.name, left);
    expect(findings({ ...model, initializers }).at(-1)).toMatchObject({
      rule: "unused-normalization-parameter",
      node: left.name,
      message: "The normalization parameter layer1.bn.running_mean (3 numbers) is read by nobody.",
    });
  });

  test("arithmetic is remarked on only where it folds", async () => {
    expect(findings(await fixture("conv-mul-wrong-axis"))).toEqual([]);
    expect(findings(await fixture("conv-mul"))).toMatchObject([
      { message: "mul can be folded into conv.", fix: { title: "Fold mul into conv" } },
    ]);
  });

  test("every fix names a pass that exists and a site of it", async () => {
    for (const name of ["two-consumers", "training-mode", "runtime-weight", "bn-bn"]) {
      const graph = await fixture(name);
      for (const { fix } of findings(graph)) {
        if (fix === undefined) continue;
        const sites = findPass(fix.pass).find(graph, {});
        expect(sites.find((site) => site.id === fix.site)?.applicable).toBe(true);
      }
    }
  });
});

describe("registry", () => {
  test("finds each pass by its id and names the known ones otherwise", () => {
    for (const pass of PASSES) expect(findPass(pass.id)).toBe(pass);
    expect(() => findPass("fold")).toThrow(
      "pass fold does not exist; the passes are: fold-batch-norm, batch-norm-to-affine, switch-to-inference, merge-normalization-affine",
    );
  });
});
