import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { readDigits } from "../../../../src/data/digits.ts";
import { readModel } from "../../../../src/formats/registry.ts";
import type { TrainingEvent } from "../../../../src/protocol/training.ts";
import { pick, runTraining, temporaryFolder } from "../run-training.ts";
import { runOnTensorFlow } from "./run.ts";

/** Ten steps, and few samples to validate on. */
export const TEN_STEPS = {
  data: await fewDigits(),
  weights: "keep",
  split: { train: 0.9, validation: 0.05, test: 0.05 },
  maxEpochs: 1,
  statistics: { detailsEverySteps: 3 },
};

/** Every fifth of the digits. */
async function fewDigits(): Promise<string> {
  const { features, targets, count } = await readDigits();
  const lines = Array.from({ length: Math.floor(count / 5) }, (_, index) => {
    const row = 5 * index;
    const label = targets?.kind === "classes" ? targets.labels[row] : Number.NaN;
    return [...features.subarray(64 * row, 64 * (row + 1)), label].join();
  });
  const header = [...Array.from({ length: 64 }, (_, pixel) => `p${pixel}`), "label"].join();
  const path = join(await temporaryFolder(), "digits.csv");
  await writeFile(path, [header, ...lines].join("\n"));
  return path;
}

export const losses = (events: readonly TrainingEvent[]) =>
  pick(events, "step").map(({ loss }) => Number(loss));

/** Rounding of float32 grows from step to step; ten steps leave of this many times over. */
const TOLERANCE = 1e-4;

/** Trains a model on both engines for ten steps. @returns the steps' losses on TensorFlow. */
export async function expectSameCurve(path: string, part: object): Promise<readonly number[]> {
  const config = { ...TEN_STEPS, ...part };
  const here = (await runOnTensorFlow(path, config)).events;
  const there = (await runTraining(await readModel(path), config)).events;
  const [own, other] = [losses(here), losses(there)];
  expect(own).toHaveLength(10);
  for (const [step, loss] of own.entries()) {
    expect(Math.abs(loss / (other[step] as number) - 1)).toBeLessThan(TOLERANCE);
  }
  expectNear(pick(here, "epoch")[0], pick(there, "epoch")[0]);
  expectNear(pick(here, "step")[6], pick(there, "step")[6]);
  expectNear(pick(here, "done")[0], pick(there, "done")[0]);
  return own;
}

/** Every number that both events have, to 1e-3; seconds apart. */
function expectNear(own: object | undefined, other: object | undefined): void {
  const numbers = Object.entries(own ?? {}).filter(
    ([name, value]) => typeof value === "number" && name !== "seconds",
  );
  expect(numbers.length).toBeGreaterThan(0);
  for (const [name, value] of numbers) {
    const expected = (other as Record<string, unknown>)[name];
    if (typeof expected === "number") expect(value, name).toBeCloseTo(expected, 3);
  }
}
