import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Dataset } from "../../../src/data/dataset.ts";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { insertBatchNorm } from "../../../src/passes/insert-batch-norm.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { planTraining } from "../../../src/training/check-trainable.ts";
import { SAMPLES } from "../../support/repository.ts";
import { runTraining, SHORT, smallModel } from "./run-training.ts";

const config = DEFAULT_TRAINING_CONFIG;

function dataset(changes: Partial<Dataset> = {}): Dataset {
  return {
    name: "d",
    count: 20,
    sampleShape: [3],
    features: new Float32Array(60),
    targets: {
      kind: "classes",
      labels: Int32Array.from({ length: 20 }, (_, row) => row % 2),
      classNames: ["no", "yes"],
    },
    ...changes,
  };
}

describe("what cannot be trained is refused before anything starts", () => {
  it("an operator without gradient, by the name of its node", async () => {
    const model = smallModel(64, 10, ["Hardmax"]);
    await expect(runTraining(model, SHORT)).rejects.toThrow(
      "node the Hardmax: Hardmax has no gradient in opset 17, so the model cannot be trained",
    );
  });

  it("a label that the model has no output for", () => {
    const labels = Int32Array.from({ length: 20 }, (_, row) => row % 3);
    const targets = { kind: "classes" as const, labels, classNames: ["a", "b", "c"] };
    expect(() => planTraining(smallModel(3, 2), dataset({ targets }), config)).toThrow(
      "sample 2 has label c, number 3 of 3 classes, but output",
    );
  });

  it("one output for classes, and classes for numbers", () => {
    expect(() => planTraining(smallModel(3, 1), dataset(), config)).toThrow(
      "has shape [12, 1]; cross-entropy needs one number for each of at least two classes",
    );
    const regression = { ...config, loss: "mean-squared-error" as const };
    expect(() => planTraining(smallModel(3, 1), dataset(), regression)).toThrow(
      "data d: its targets are classes; mean-squared-error needs numbers",
    );
    const values = { kind: "numbers" as const, values: new Float32Array(40), shape: [2] };
    expect(() => planTraining(smallModel(3, 1), dataset({ targets: values }), regression)).toThrow(
      "data d: a target has 2 numbers, but output Gemm has 1 a sample",
    );
  });

  it.each([
    ["digits-cnn", 1, undefined],
    ["digits-mlp", 2, undefined],
    ["digits-mlp", 1, "batchSize: 1 leaves BatchNormalization"],
  ])("%s with BatchNorm in batches of %i", async (name, batchSize, sentence) => {
    const file = await readModel(join(SAMPLES, `${name}.onnx`));
    const { graph } = insertBatchNorm.apply(file, undefined, checkedOptions(insertBatchNorm));
    const data = await openDataset("digits");
    const plan = () => planTraining(graph, data, { ...config, batchSize });
    if (sentence === undefined) expect(plan().batchSize).toBe(batchSize);
    else expect(plan).toThrow(sentence);
  });

  it("data with NaN, with too few samples, without labels, or of another size", () => {
    const features = new Float32Array(60);
    features[7] = Number.NaN;
    expect(() => planTraining(smallModel(3, 2), dataset({ features }), config)).toThrow(
      "data d: sample 2, number 1 is NaN; finite numbers are needed",
    );
    const few = dataset({ count: 1, features: new Float32Array(3) });
    expect(() => planTraining(smallModel(3, 2), few, config)).toThrow(
      "data d: 1 samples are too few; split.validation 0.2 leaves none",
    );
    const { targets: _, ...unlabelled } = dataset();
    expect(() => planTraining(smallModel(3, 2), unlabelled, config)).toThrow("has no labels (y)");
    expect(() => planTraining(smallModel(4, 2), dataset(), config)).toThrow(
      "a sample has 3 numbers (3), but input x takes 4 (4)",
    );
  });

  it("a model without one float32 input, or with nothing to train", () => {
    const model = smallModel(3, 2);
    const inputs = [makeValueInfo("x", DataType.INT64, ["N", 3])];
    expect(() => planTraining({ ...model, inputs }, dataset(), config)).toThrow(
      "input x: is int64; float32 is needed",
    );
    const two = [...model.inputs, makeValueInfo("z", DataType.FLOAT, ["N", 3])];
    expect(() => planTraining({ ...model, inputs: two }, dataset(), config)).toThrow(
      "the model has 2 inputs (x, z); data is fed to one",
    );
  });

  it("a watched value that does not exist", () => {
    const statistics = { ...config.statistics, values: ["relu9"] };
    expect(() => planTraining(smallModel(3, 2), dataset(), { ...config, statistics })).toThrow(
      'statistics.values: the model has no node or value "relu9"',
    );
  });
});

it("plans the samples: parameters, watched values, split and batch", async () => {
  const graph = await readModel("media/samples/digits-cnn.onnx");
  const plan = planTraining(graph, await openDataset("digits"), { ...config, batchSize: 5000 });
  expect(plan.batchSize).toBe(plan.split.train.length);
  expect(plan.lossValue).toBe("logits");
  expect(plan.parameters.map(({ name, role }) => `${name} ${role}`)).toEqual([
    ...[1, 2, 3].flatMap((block) => [
      `conv${block}.weight weight`,
      `bn${block}.weight scale`,
      `bn${block}.bias shift`,
    ]),
    "fc.weight weight",
    "fc.bias bias",
  ]);
});
