import { extname } from "node:path";
import { elementCount } from "../graph/tensor.ts";
import { jsonNumber } from "../protocol/reports.ts";
import type {
  InputScaling,
  MemoryEstimate,
  TrainingConfig,
  TrainingEvent,
} from "../protocol/training.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { TrainingPlan } from "./check-trainable.ts";
import type { Evaluation } from "./evaluate.ts";
import { stepsPerEpoch } from "./loop-options.ts";
import type { RetrainPlan } from "./retrain.ts";
import { runNotes } from "./run-notes.ts";

export type StartEvent = Extract<TrainingEvent, { event: "start" }>;

export interface RunStart {
  readonly plan: TrainingPlan;
  readonly config: TrainingConfig;
  /** The model's path or name. */
  readonly model: string;
  /** The run's folder. */
  readonly run: string;
  readonly output: string | undefined;
  readonly runtime: Pick<Runtime, "name" | "version">;
  readonly fingerprint: StartEvent["fingerprint"];
  readonly memory: MemoryEstimate;
  readonly inputScaling?: InputScaling;
}

export function startEvent(start: RunStart): StartEvent {
  const { plan, config, model, run, output, runtime, fingerprint, memory, inputScaling } = start;
  const { parameters } = plan;
  const notes = [
    ...runNotes(plan.graph, parameters, config),
    ...scalingNotes(output, config, inputScaling),
  ];
  return {
    event: "start",
    model,
    run,
    runtime: `${runtime.name} ${runtime.version}`,
    parameters: parameters.reduce((sum, { dims }) => sum + elementCount(dims), 0),
    ...sampleCounts(plan),
    watched: plan.watched,
    ...(notes.length === 0 ? {} : { notes }),
    ...(output === undefined ? {} : { output }),
    ...(inputScaling === undefined ? {} : { inputScaling }),
    fingerprint,
    memory,
    config,
  };
}

/** Only ONNX holds a note of how inputs are scaled. */
function scalingNotes(
  output: string | undefined,
  { intoModel }: TrainingConfig,
  inputScaling: InputScaling | undefined,
): readonly string[] {
  const isOnnx = output === undefined || extname(output).toLowerCase() === ".onnx";
  if (inputScaling === undefined || intoModel.inputScaling || isOnnx) return [];
  return [
    `${output} cannot hold that its inputs are scaled: whoever uses it has to scale them as inputScaling in metrics.jsonl says; best.onnx has a note of it.`,
  ];
}

/** What a start event tells of the samples, on whatever engine. */
export function sampleCounts({
  split,
  dataset,
  batchSize,
}: Pick<TrainingPlan, "split" | "dataset" | "batchSize">) {
  const { targets } = dataset;
  return {
    samples: {
      train: split.train.length,
      validation: split.validation.length,
      test: split.test.length,
    },
    ...(targets?.kind === "classes" ? { classes: targets.classNames.length } : {}),
    stepsPerEpoch: stepsPerEpoch(split.train.length, batchSize),
  };
}

/** @param again how the first training ended, and for how long the next one goes on. */
export function retrainEvent(
  again: RetrainPlan,
  { split, batchSize }: Pick<TrainingPlan, "split" | "batchSize">,
): TrainingEvent {
  const { steps, reason, bestEpoch, epochs, sentence } = again;
  const samples = split.train.length + split.validation.length;
  return {
    event: "retrain",
    samples,
    steps,
    stepsPerEpoch: stepsPerEpoch(samples, batchSize),
    reason,
    bestEpoch,
    epochs,
    sentence,
  };
}

/** @param test undefined where the test samples were not measured to the end. */
export function doneEvent(model: string, test: Evaluation | undefined, run: string): TrainingEvent {
  return {
    event: "done",
    model,
    ...(test === undefined ? {} : { testLoss: jsonNumber(test.loss) }),
    ...(test?.accuracy === undefined ? {} : { testAccuracy: jsonNumber(test.accuracy) }),
    run,
  };
}
