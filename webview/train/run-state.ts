import { fromJsonNumber, type JsonNumber } from "../../src/protocol/reports.ts";
import type { TrainingEvent } from "../../src/protocol/training.ts";

export type StartEvent = Extract<TrainingEvent, { event: "start" }>;
export type StepEvent = Extract<TrainingEvent, { event: "step" }>;
export type EpochEvent = Extract<TrainingEvent, { event: "epoch" }>;
export type RetrainEvent = Extract<TrainingEvent, { event: "retrain" }>;
export type RetrainEpochEvent = Extract<TrainingEvent, { event: "retrainEpoch" }>;
export type StopEvent = Extract<TrainingEvent, { event: "stop" }>;
export type DoneEvent = Extract<TrainingEvent, { event: "done" }>;

export interface StepPoint {
  readonly step: number;
  readonly loss: number;
}

/** The 15th, 50th and 85th percentile of one watched value at one step. */
export interface PercentilePoint {
  readonly step: number;
  readonly p15: number;
  readonly p50: number;
  readonly p85: number;
}

/** Gradients at one step; a ratio is ‖Δw‖/‖w‖. */
export interface DetailPoint {
  readonly step: number;
  readonly gradientNorm: number;
  readonly weights: ReadonlyMap<string, { readonly norm: number; readonly updateRatio: number }>;
}

/** Everything a run has told so far. The same events in any batches give the same state. */
export interface RunState {
  readonly start?: StartEvent;
  readonly steps: readonly StepPoint[];
  readonly percentiles: ReadonlyMap<string, readonly PercentilePoint[]>;
  readonly details: readonly DetailPoint[];
  readonly epochs: readonly EpochEvent[];
  /** Where it trains again, with the validation samples. */
  readonly retrain?: RetrainEvent;
  readonly retrainEpochs: readonly RetrainEpochEvent[];
  readonly stop?: StopEvent;
  readonly done?: DoneEvent;
}

export const NO_RUN: RunState = {
  steps: [],
  percentiles: new Map(),
  details: [],
  epochs: [],
  retrainEpochs: [],
};

/** Copies each list once a batch, so a long run costs no more for each step as it grows. */
export function applyEvents(state: RunState, events: readonly TrainingEvent[]): RunState {
  if (events.length === 0) return state;
  let next = draftOf(state);
  for (const event of events) {
    switch (event.event) {
      case "start":
        next = { ...draftOf(NO_RUN), start: event };
        break;
      case "step":
        next.steps.push({ step: event.step, loss: fromJsonNumber(event.loss) });
        for (const [name, [p15, p50, p85]] of Object.entries(event.percentiles ?? {})) {
          const points = next.percentiles.get(name) ?? [];
          points.push({ step: event.step, p15, p50, p85 });
          next.percentiles.set(name, points);
        }
        if (event.gradientNorm !== undefined) {
          next.details.push(detailPoint(event, event.gradientNorm));
        }
        break;
      case "epoch":
        next.epochs.push(event);
        break;
      case "retrain":
        next.retrain = event;
        break;
      case "retrainEpoch":
        next.retrainEpochs.push(event);
        break;
      case "stop":
        next.stop = event;
        break;
      case "done":
        next.done = event;
        break;
    }
  }
  return next;
}

interface Draft {
  start?: StartEvent;
  steps: StepPoint[];
  percentiles: Map<string, PercentilePoint[]>;
  details: DetailPoint[];
  epochs: EpochEvent[];
  retrain?: RetrainEvent;
  retrainEpochs: RetrainEpochEvent[];
  stop?: StopEvent;
  done?: DoneEvent;
}

function draftOf(state: RunState): Draft {
  const percentiles = new Map([...state.percentiles].map(([name, points]) => [name, [...points]]));
  const { steps, details, epochs, retrainEpochs } = state;
  return {
    ...state,
    steps: [...steps],
    details: [...details],
    epochs: [...epochs],
    retrainEpochs: [...retrainEpochs],
    percentiles,
  };
}

function detailPoint({ step, gradients }: StepEvent, gradientNorm: JsonNumber): DetailPoint {
  const weights = (gradients ?? []).map(
    ({ name, norm, updateRatio }) =>
      [name, { norm: fromJsonNumber(norm), updateRatio: fromJsonNumber(updateRatio) }] as const,
  );
  return { step, gradientNorm: fromJsonNumber(gradientNorm), weights: new Map(weights) };
}

/** The best epoch so far: the run's own word where it has spoken. */
export function bestEpoch(state: RunState): number | undefined {
  return state.stop?.bestEpoch ?? state.epochs.findLast((epoch) => epoch.best)?.epoch;
}

/** Seconds an epoch takes: the median of the last few, which one slow epoch does not move. */
export function secondsPerEpoch(state: RunState): number | undefined {
  const recent = state.epochs.slice(-9).map((epoch) => epoch.seconds);
  recent.sort((a, b) => a - b);
  return recent[Math.floor(recent.length / 2)];
}

/** Seconds to the last epoch the run may take; early stopping can only make it less. */
export function secondsLeft(state: RunState): number | undefined {
  const each = secondsPerEpoch(state);
  if (each === undefined || state.start === undefined || state.stop !== undefined) return undefined;
  const { retrain, retrainEpochs, start, epochs } = state;
  if (retrain === undefined) return each * Math.max(0, start.config.maxEpochs - epochs.length);
  const steps = retrain.steps - (retrainEpochs.at(-1)?.step ?? 0);
  return (each * steps) / start.stepsPerEpoch;
}
