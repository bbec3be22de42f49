import { type Dataset, withSampleShape } from "../data/dataset.ts";
import { requireLabels } from "../data/label-noise.ts";
import { type Split, splitSamples } from "../data/split.ts";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import type { LossSettings, ModelOutput } from "./losses/loss.ts";
import { lossSettings } from "./losses/settings.ts";
import { LOSSES } from "./losses/table.ts";

export interface SampleInput {
  readonly name: string;
  /** Without the batch; undefined where the model leaves a size open. */
  readonly sampleShape: readonly (number | undefined)[];
}

export interface SamplePlan {
  /** In the shape of the model's input. */
  readonly samples: Dataset;
  readonly split: Split;
  /** At most the configured one; smaller where there are fewer training samples. */
  readonly batchSize: number;
}

/** @throws InputError for data that does not fit the model's input, is too little, or is not finite. */
export function planSamples(data: Dataset, input: SampleInput, config: TrainingConfig): SamplePlan {
  const samples = withSampleShape(data, input.sampleShape, input.name);
  const split = splitSamples(samples, config.split, config.seed);
  checkSampleCount(samples, split, config);
  checkFinite(samples);
  const batchSize = Math.min(config.batchSize, split.train.length);
  checkUpdates(Math.floor(split.train.length / batchSize), config);
  return { samples, split, batchSize };
}

/**
 * The targets as the loss reads them, and the loss's options for them.
 *
 * @param output of the model for a batch, of which the loss is taken.
 */
export function planTargets(
  samples: Dataset,
  output: ModelOutput,
  split: Split,
  config: TrainingConfig,
): { readonly dataset: Dataset; readonly settings: LossSettings } {
  if (samples.targets === undefined) {
    throw new InputError(`data ${samples.name}: has no labels (y) to train on`);
  }
  const targets = LOSSES[config.loss].targets(samples, output);
  const dataset = { ...samples, targets };
  if (config.labelNoise > 0) requireLabels(dataset);
  const classes = output.shape[1] ?? 1;
  return { dataset, settings: lossSettings(config, samples, targets.kind, split.train, classes) };
}

function checkSampleCount(dataset: Dataset, split: Split, config: TrainingConfig): void {
  for (const part of ["train", "validation", "test"] as const) {
    if (config.split[part] > 0 && split[part].length === 0) {
      throw new InputError(
        `data ${dataset.name}: ${dataset.count} samples are too few; split.${part} ${config.split[part]} leaves none`,
      );
    }
  }
}

/** A run in which no update is ever due would train nothing. */
function checkUpdates(stepsPerEpoch: number, config: TrainingConfig): void {
  const { accumulateBatches, maxEpochs } = config;
  if (accumulateBatches > stepsPerEpoch * maxEpochs) {
    throw new InputError(
      `accumulateBatches: ${accumulateBatches} batches make one update, but the run has ${stepsPerEpoch * maxEpochs}`,
    );
  }
}

function checkFinite(dataset: Dataset): void {
  const { features } = dataset;
  // What reads samples when they are asked for checks them then.
  const numbers = features instanceof Float32Array ? features : new Float32Array();
  const bad = numbers.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const size = elementCount(dataset.sampleShape);
    throw new InputError(
      `data ${dataset.name}: sample ${Math.floor(bad / size)}, number ${bad % size} is ${numbers[bad]}; finite numbers are needed`,
    );
  }
  if (dataset.targets?.kind !== "numbers") return;
  const { values, shape } = dataset.targets;
  const badTarget = values.findIndex((value) => !Number.isFinite(value));
  if (badTarget >= 0) {
    throw new InputError(
      `data ${dataset.name}: the target of sample ${Math.floor(badTarget / elementCount(shape))} is ${values[badTarget]}; finite numbers are needed`,
    );
  }
}
