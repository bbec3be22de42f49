import fc from "fast-check";
import { expect, test } from "vitest";
import { outcomeOf } from "../../../webview/train/run-outcome.ts";
import {
  applyEvents,
  bestEpoch,
  NO_RUN,
  secondsLeft,
  secondsPerEpoch,
} from "../../../webview/train/run-state.ts";
import { trainingRun } from "../../pages/fixtures/training-run.ts";

const events = trainingRun(6, "earlyStopping");

test("the same events in any batches give the same state", () => {
  const whole = applyEvents(NO_RUN, events);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: events.length }), { maxLength: 6 }), (cuts) => {
      const bounds = [0, ...cuts.sort((a, b) => a - b), events.length];
      let state = NO_RUN;
      for (let part = 1; part < bounds.length; part++) {
        state = applyEvents(state, events.slice(bounds[part - 1], bounds[part]));
      }
      expect(state).toEqual(whole);
    }),
    { numRuns: 30 },
  );
});

test("earlier states stay as they were", () => {
  const early = applyEvents(NO_RUN, events.slice(0, 10));
  const copy = structuredClone(early);
  applyEvents(early, events.slice(10));
  expect(early).toEqual(copy);
  expect(NO_RUN.steps).toEqual([]);
  expect(NO_RUN.percentiles.size).toBe(0);
});

test("a run that trains again tells how far it is, by steps", () => {
  const first = trainingRun(6);
  const { stepsPerEpoch = 0 } = first.find((event) => event.event === "start") ?? {};
  const steps = 4 * stepsPerEpoch;
  const retrain = {
    event: "retrain" as const,
    samples: 1438,
    steps,
    stepsPerEpoch: 2 * stepsPerEpoch,
    reason: "earlyStopping" as const,
    bestEpoch: 4,
    epochs: 6,
    sentence: "Stopped early.",
  };
  const epoch = {
    event: "retrainEpoch" as const,
    epoch: 1,
    step: steps / 2,
    trainLoss: 0.25,
    learningRate: 0.001,
    seconds: 1,
  };
  const running = applyEvents(NO_RUN, [
    ...first.filter(({ event }) => event !== "stop" && event !== "done"),
    retrain,
    epoch,
  ]);
  expect(outcomeOf("running", running, "a.onnx", undefined).sentence).toBe(
    `Training again on 1,438 samples, validation’s among them: ${steps / 2} of ${steps} steps, as many as led to epoch 4. Training loss 0.25.`,
  );
  // Half of four epochs of the first training is left.
  expect(secondsLeft(running)).toBeCloseTo(2 * (secondsPerEpoch(running) ?? 0));
  expect(running.epochs).toHaveLength(6);
});

test("a new start forgets the run before", () => {
  const again = applyEvents(applyEvents(NO_RUN, events), events.slice(0, 3));
  expect(again).toEqual(applyEvents(NO_RUN, events.slice(0, 3)));
});

test("the best epoch is the run's own word", () => {
  const state = applyEvents(NO_RUN, events);
  expect(bestEpoch(state)).toBe(state.stop?.bestEpoch);
  expect(bestEpoch(NO_RUN)).toBeUndefined();
});

test("time left follows the median epoch and ends with the run", () => {
  const running = applyEvents(NO_RUN, trainingRun(4));
  expect(secondsPerEpoch(running)).toBe(0.8);
  expect(secondsLeft(running)).toBeCloseTo(0.8 * 96);
  expect(secondsLeft(applyEvents(NO_RUN, events))).toBeUndefined();
  expect(secondsLeft(NO_RUN)).toBeUndefined();
});
