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

const weights = { decayedParameters: "weights", l2: 0 } as const;

test("decay of everything reaches the parameters of normalizations, and weights whose scale is free", () => {
  expect(notes(normalized, { optimizer: adamw, decayedParameters: "all", l2: 0 })).toEqual([
    `Weight decay 0.01 also pulls 6 parameters (bn1.weight, bn1.bias, bn2.weight, …) of normalizations toward 0, which shrinks their channels and does not make the function smoother; decayedParameters "weights" leaves them alone.`,
    "Weight decay 0.01 on 3 parameters (conv1.weight, conv2.weight, conv3.weight) in front of a BatchNorm does not regularize the function, which their scale does not enter; it raises their effective learning rate (analysis scale-robustness).",
  ]);
});

test("decay and L2 of weights leave the parameters of normalizations alone", () => {
  for (const [config, start] of [
    [{ ...weights, optimizer, l2: 1e-3 }, /^l2 0.001 on 3 parameters \(conv1.weight/],
    [{ ...weights, optimizer: adamw }, /^Weight decay 0.01 on 3 parameters \(conv1.weight/],
  ] as const) {
    const [note, ...others] = notes(normalized, config);
    expect(note).toMatch(start);
    expect(others).toEqual([]);
  }
});

test("nothing is said of a model without normalization, and of a run without a penalty", () => {
  expect(notes(plain, { ...weights, optimizer: adamw, l2: 1e-3 })).toEqual([]);
  expect(notes(normalized, { ...weights, optimizer })).toEqual([]);
  expect(notes(normalized, { ...weights, optimizer: { ...adamw, weightDecay: 0 } })).toEqual([]);
});

test("the start of a run tells them, and its record keeps them", async () => {
  const { events } = await runTraining(normalized, { ...SHORT, maxEpochs: 1, optimizer: adamw });
  expect(pick(events, "start")[0]?.notes).toHaveLength(1);
  const without = await runTraining(plain, { ...SHORT, maxEpochs: 1 });
  expect(pick(without.events, "start")[0]).not.toHaveProperty("notes");
});
