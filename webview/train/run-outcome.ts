import type { RunStatus } from "../../src/protocol/training-page.ts";
import { count, counted, decimal, percent } from "../elements/format.ts";
import {
  bestEpoch,
  type RetrainEpochEvent,
  type RetrainEvent,
  type RunState,
} from "./run-state.ts";

/** One plain sentence about where the run stands, and what can be done next. */

export type OutcomeAction =
  | "resumeRun"
  | "saveModel"
  | "foldAndSave"
  | "applyWeights"
  | "exportReport"
  | "smallerLearningRate";

export interface Outcome {
  readonly tone: "calm" | "good" | "warning" | "problem";
  readonly sentence: string;
  readonly actions: readonly OutcomeAction[];
  /** Announced to a screen reader; a running count would never fall silent. */
  readonly announced: boolean;
}

const KEEP: readonly OutcomeAction[] = ["saveModel", "foldAndSave", "applyWeights", "exportReport"];

export function outcomeOf(
  status: RunStatus,
  run: RunState,
  fileName: string,
  message: string | undefined,
): Outcome {
  const calm = (sentence: string, announced = true): Outcome => ({
    tone: "calm",
    sentence,
    actions: [],
    announced,
  });
  switch (status) {
    case "idle":
      if (run.stop !== undefined) return ended(run);
      return calm(
        message ??
          `Ready. ${fileName} itself does not change until you save or apply the trained weights.`,
      );
    case "starting":
      return calm(message ?? "Reading the data and building the training graph…");
    case "running":
      return calm(progress(run), false);
    case "paused":
      return calm(
        `Paused after ${counted(run.epochs.length, "epoch")}. Resume goes on with the same curve.`,
      );
    case "stopping":
      if (run.stop !== undefined) return calm(`${run.stop.sentence} Saving…`);
      return calm(message ?? "Stopping; the best weights so far are kept.");
    case "finished":
      return ended(run);
    case "failed":
      return {
        tone: "problem",
        sentence: `${message ?? "The run failed."} ${fileName} is unchanged.`,
        // A run that had begun has a folder, and may have a checkpoint in it.
        actions: run.start !== undefined && run.done === undefined ? ["resumeRun"] : [],
        announced: true,
      };
  }
}

function ended(run: RunState): Outcome {
  const actions = run.done === undefined ? [] : KEEP;
  const test = testSentence(run);
  const { stop } = run;
  if (stop === undefined) {
    return { tone: "calm", sentence: `Finished.${test}`, actions, announced: true };
  }
  const sentence = `${stop.sentence}${test}`;
  if (stop.reason === "diverged") {
    return {
      tone: "problem",
      sentence,
      actions: ["smallerLearningRate", ...actions],
      announced: true,
    };
  }
  if (stop.reason === "cancelled") {
    return { tone: "warning", sentence, actions: ["resumeRun", ...actions], announced: true };
  }
  return { tone: "good", sentence, actions, announced: true };
}

function testSentence({ done }: RunState): string {
  if (done?.testLoss === undefined) return "";
  const accuracy = done.testAccuracy;
  return accuracy === undefined
    ? ` Test loss ${decimal(done.testLoss, 3)}.`
    : ` Test loss ${decimal(done.testLoss, 3)}, test accuracy ${percent(Number(accuracy))}.`;
}

function retrainProgress(retrain: RetrainEvent, last: RetrainEpochEvent | undefined): string {
  const done = `${count(last?.step ?? 0)} of ${count(retrain.steps)} steps`;
  const loss = last === undefined ? "" : ` Training loss ${decimal(last.trainLoss, 3)}.`;
  return `Training again on ${count(retrain.samples)} samples, validation’s among them: ${done}, as many as led to epoch ${retrain.bestEpoch}.${loss}`;
}

function progress(run: RunState): string {
  const { start } = run;
  const last = run.epochs.at(-1);
  const step = run.steps.at(-1);
  if (start === undefined) return "Building the training graph…";
  if (run.retrain !== undefined) return retrainProgress(run.retrain, run.retrainEpochs.at(-1));
  const inEpoch = step === undefined ? 0 : ((step.step - 1) % start.stepsPerEpoch) + 1;
  const here = `Epoch ${count((last?.epoch ?? 0) + 1)}, step ${inEpoch} of ${start.stepsPerEpoch}`;
  if (last === undefined) return `${here}. The curves start after the first epoch.`;
  const best = bestEpoch(run);
  return (
    `${here}. Training loss ${decimal(last.trainLoss, 3)}, validation ` +
    `${decimal(last.validationLoss, 3)}${best === undefined ? "" : `; best so far epoch ${best}`}.`
  );
}
