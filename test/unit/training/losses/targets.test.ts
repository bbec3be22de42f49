import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Dataset, Targets } from "../../../../src/data/dataset.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../../src/protocol/default-training-config.ts";
import { planTraining } from "../../../../src/training/check-trainable.ts";
import { mergeConfig } from "../../../../src/training/config.ts";
import { lossValue } from "../../../../src/training/forward-part.ts";
import type { LossKind } from "../../../../src/training/losses/table.ts";
import { pick, runTraining, smallModel, temporaryFolder } from "../run-training.ts";

const COUNT = 20;

function dataset(targets: Targets): Dataset {
  return {
    name: "d",
    count: COUNT,
    sampleShape: [3],
    features: new Float32Array(3 * COUNT),
    targets,
  };
}

const classes = (names: readonly string[], label: (row: number) => number) =>
  dataset({
    kind: "classes",
    labels: Int32Array.from({ length: COUNT }, (_, row) => label(row)),
    classNames: names,
  });

const numbers = (shape: readonly number[], row: readonly number[]) =>
  dataset({
    kind: "numbers",
    shape,
    values: Float32Array.from(Array.from({ length: COUNT }, () => row).flat()),
  });

function plan(outputs: number, data: Dataset, part: object) {
  return planTraining(smallModel(3, outputs), data, mergeConfig(DEFAULT_TRAINING_CONFIG, part));
}

describe("targets that do not fit their loss are refused", () => {
  it.each<[LossKind, number, Dataset, string]>([
    [
      "binary-cross-entropy",
      1,
      classes(["a", "b", "c"], (row) => row % 3),
      "has 3 classes and output Gemm 1 numbers a sample; binary-cross-entropy needs two classes and one number",
    ],
    [
      "binary-cross-entropy",
      1,
      numbers([], [1.5]),
      "the target of sample 0 is 1.5; binary-cross-entropy needs numbers from 0 to 1",
    ],
    [
      "kl-divergence",
      2,
      numbers([2], [0.5, 0.75]),
      "the target of sample 0 is no distribution (sum 1.25); kl-divergence needs probabilities that add up to 1",
    ],
    ["cross-entropy", 3, numbers([2], [0.5, 0.5]), "a target has 2 numbers, but output Gemm has 3"],
    ["huber", 1, classes(["a", "b"], (row) => row % 2), "its targets are classes; huber needs"],
  ])("%s %#", (loss, outputs, data, sentence) => {
    expect(() => plan(outputs, data, { loss })).toThrow(sentence);
  });

  it("class weights of another number", () => {
    const data = classes(["a", "b"], (row) => row % 2);
    expect(() => plan(2, data, { lossOptions: { classWeights: [1, 2, 3] } })).toThrow(
      "lossOptions.classWeights: has 3 numbers, but the model has 2 classes",
    );
  });
});

it("balanced weights make every class count the same on the training part", () => {
  const data = classes(["a", "b"], (row) => (row < 15 ? 0 : 1));
  const { lossSettings, split } = plan(2, data, { lossOptions: { classWeights: "balanced" } });
  const rare = [...split.train].filter((row) => row >= 15).length;
  const frequent = split.train.length - rare;
  const [first = 0, second = 0] = lossSettings.classWeights ?? [];
  expect(first * frequent).toBeCloseTo(second * rare, 10);
  expect(first * frequent + second * rare).toBeCloseTo(split.train.length, 10);
});

it("a model that ends in the loss's own function is trained on what enters it", () => {
  const ends = (last: string, loss: LossKind) => lossValue(smallModel(3, 4, [last]), loss);
  for (const last of ["Softmax", "LogSoftmax"]) {
    expect(ends(last, "cross-entropy")).toBe("Gemm");
    expect(ends(last, "kl-divergence")).toBe("Gemm");
    expect(ends(last, "huber")).toBe(last);
  }
  expect(ends("Sigmoid", "binary-cross-entropy")).toBe("Gemm");
  expect(ends("Sigmoid", "mean-squared-error")).toBe("Sigmoid");
});

it("a yes-or-no question is learned by a model that ends in Sigmoid", async () => {
  const lines = ["a,b,label"];
  for (let row = 0; row < 200; row++) {
    const [a, b] = [Math.sin(row * 3.7), Math.cos(row * 1.3)];
    lines.push(`${a},${b},${a + 0.5 * b > 0.1 ? "yes" : "no"}`);
  }
  const data = join(await temporaryFolder(), "questions.csv");
  await writeFile(data, lines.join("\n"));
  const { events } = await runTraining(smallModel(2, 1, ["Sigmoid"]), {
    data,
    loss: "binary-cross-entropy",
    optimizer: { learningRate: 0.1 },
    maxEpochs: 15,
    lossOptions: { labelSmoothing: 0.02 },
  });
  expect(pick(events, "done")[0]?.testAccuracy).toBeGreaterThan(0.9);
  expect(pick(events, "epoch").at(-1)?.validationLoss).toBeLessThan(0.3);
});
