import { join } from "node:path";
import { expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { runNotes } from "../../../src/training/run-notes.ts";
import { SAMPLES } from "../../support/repository.ts";
import { pick, runTraining, SHORT } from "./run-training.ts";

const normalized = await readModel(join(SAMPLES, "digits-cnn.onnx"));
const plain = await readModel(join(SAMPLES, "digits-mlp.onnx"));
const { optimizer } = DEFAULT_TRAINING_CONFIG;
const adamw = { ...optimizer, kind: "adamw", weightDecay: 0.01 } as const;

const notes = (graph: typeof plain, config: Parameters<typeof runNotes>[2]) =>
  runNotes(graph, trainableParameters(graph), config);

test("AdamW decays the parameters of normalizations, and weights whose scale is free", () => {
  expect(notes(normalized, { optimizer: adamw, l2: 0 })).toEqual([
    `AdamW's weight decay 0.01 also pulls 6 parameters (bn1.weight, bn1.bias, bn2.weight, …) of normalizations toward 0, which shrinks their channels and does not make the function smoother; optimizer.kind "adam" with l2 leaves them alone.`,
    "Weight decay 0.01 on 3 parameters (conv1.weight, conv2.weight, conv3.weight) in front of a BatchNorm does not regularize the function, which their scale does not enter; it raises their effective learning rate (analysis scale-robustness).",
  ]);
});

test("L2 leaves the parameters of normalizations alone", () => {
  const [note, ...others] = notes(normalized, { optimizer, l2: 1e-3 });
  expect(note).toMatch(/^l2 0.001 on 3 parameters \(conv1.weight/);
  expect(others).toEqual([]);
});

test("nothing is said of a model without normalization, and of a run without a penalty", () => {
  expect(notes(plain, { optimizer: adamw, l2: 1e-3 })).toEqual([]);
  expect(notes(normalized, { optimizer, l2: 0 })).toEqual([]);
  expect(notes(normalized, { optimizer: { ...adamw, weightDecay: 0 }, l2: 0 })).toEqual([]);
});

test("the start of a run tells them, and its record keeps them", async () => {
  const { events } = await runTraining(normalized, { ...SHORT, maxEpochs: 1, optimizer: adamw });
  expect(pick(events, "start")[0]?.notes).toHaveLength(2);
  const without = await runTraining(plain, { ...SHORT, maxEpochs: 1 });
  expect(pick(without.events, "start")[0]).not.toHaveProperty("notes");
});
