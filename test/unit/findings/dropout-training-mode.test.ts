import { expect, test } from "vitest";
import { dropoutTrainingMode } from "../../../src/findings/dropout-training-mode.ts";
import { modelOf, named, scalar, truth } from "../passes/dropout-models.ts";

const dropout = (inputs: readonly string[]) => [named("Dropout", "drop", inputs, ["y"])];
const tensors = [scalar("ratio", 0.3), truth("on", true), truth("off", false)];

test("a Dropout that drops whenever the model runs is warned of, with its fix", () => {
  const model = modelOf(dropout(["x", "ratio", "on"]), { tensors });
  expect(dropoutTrainingMode.find(model)).toMatchObject([
    {
      severity: "warning",
      node: "drop",
      message: expect.stringContaining("the same input gives another answer at each run"),
      fix: {
        title: "Switch drop to inference",
        pass: "switch-dropout-to-inference",
        site: "drop",
      },
    },
  ]);
});

test("one whose mode is an input of the model is said for information", () => {
  const inputs = { x: ["N", 4], mode: [] };
  const [finding] = dropoutTrainingMode.find(
    modelOf(dropout(["x", "ratio", "mode"]), { tensors, inputs }),
  );
  expect(finding).toMatchObject({ severity: "information", node: "drop" });
  expect(finding?.reason).toContain("decided at run time");
  expect(finding?.fix).toBeUndefined();
});

test("one at inference is none", () => {
  expect(dropoutTrainingMode.find(modelOf(dropout(["x", "ratio"]), { tensors }))).toEqual([]);
  expect(dropoutTrainingMode.find(modelOf(dropout(["x", "ratio", "off"]), { tensors }))).toEqual(
    [],
  );
});
