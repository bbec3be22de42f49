import { type Dataset, withSampleShape } from "../data/dataset.ts";
import { requireLabels } from "../data/label-noise.ts";
import { type Split, splitSamples } from "../data/split.ts";
import { type Graph, standardOpset } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import { inferShapes } from "../operators/infer-shapes.ts";
import type { ForwardMode } from "../operators/operator.ts";
import { staticShape } from "../operators/shape-algebra.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { missingGradientRules } from "./autodiff.ts";
import { checkBatchStatistics } from "./check-batch-statistics.ts";
import { lossValue, partFor, sampleInput, withInputShape } from "./forward-part.ts";
import { checkFrozen, frozenParts } from "./frozen.ts";
import type { LossSettings } from "./losses/loss.ts";
import { lossSettings } from "./losses/settings.ts";
import { LOSSES } from "./losses/table.ts";
import { type NormLimit, normLimits } from "./max-norm.ts";
import { type Parameter, trainableParameters } from "./parameters.ts";
import { resolveValues } from "./watched-values.ts";

/** What a run works on, found possible before anything is built or written. */
export interface TrainingPlan {
  readonly graph: Graph;
  readonly input: string;
  readonly lossValue: string;
  readonly lossSettings: LossSettings;
  /** In the shape of the model's input, its targets as the loss reads them. */
  readonly dataset: Dataset;
  readonly split: Split;
  /** At most the configured one; smaller where there are fewer training samples. */
  readonly batchSize: number;
  /** What is trained: without the frozen ones. */
  readonly parameters: readonly Parameter[];
  /** First outputs of the normalizations that keep their statistics and go by them. */
  readonly frozenNormalizations: ReadonlySet<string>;
  /** Where config.maxNorm acts; empty where it is off. */
  readonly limits: ReadonlyMap<string, NormLimit>;
  /** Values to take statistics of, in graph order. */
  readonly watched: readonly string[];
}

/**
 * Everything that can be known to fail before training starts.
 *
 * @param mode "inference" where normalizations go by their stored statistics, whatever the batch is.
 * @throws InputError naming the node, the data or the option in the way.
 */
export function planTraining(
  graph: Graph,
  data: Dataset,
  config: TrainingConfig,
  mode: ForwardMode = "training",
): TrainingPlan {
  const { name: input, sampleShape } = sampleInput(graph);
  const samples = withSampleShape(data, sampleShape, input);
  const split = splitSamples(samples, config.split, config.seed);
  checkSampleCount(samples, split, config);
  checkFinite(samples);
  const value = lossValue(graph, config.loss);
  const part = partFor(graph, [value]);
  const trainable = trainableParameters(part);
  checkFrozen(part, trainable, config.frozen);
  const { trained: parameters, normalizations } = frozenParts(part, trainable, config.frozen);
  checkGradients(part, parameters);
  const limits =
    config.maxNorm.limit === 0 ? new Map<string, NormLimit>() : normLimits(part, parameters);
  const batchSize = Math.min(config.batchSize, split.train.length);
  const fixed = withInputShape(part, input, [batchSize, ...samples.sampleShape]);
  const types = inferShapes(fixed);
  const outputShape = types.get(value)?.shape;
  const output = { name: value, shape: checkedOutput(value, outputShape, batchSize) };
  if (mode === "training") {
    checkBatchStatistics(fixed, batchSize, (name) => types.get(name)?.shape, normalizations);
  }
  if (samples.targets === undefined) {
    throw new InputError(`data ${samples.name}: has no labels (y) to train on`);
  }
  const targets = LOSSES[config.loss].targets(samples, output);
  const dataset = { ...samples, targets };
  if (config.labelNoise > 0) requireLabels(dataset);
  const settings = lossSettings(config, samples, targets.kind, split.train, output.shape[1] ?? 1);
  checkUpdates(Math.floor(split.train.length / batchSize), config);
  const { values } = config.statistics;
  const watched = resolveValues(values === "auto" ? part : graph, values, "statistics.values");
  return {
    graph,
    input,
    lossValue: value,
    lossSettings: settings,
    dataset,
    split,
    batchSize,
    parameters,
    frozenNormalizations: normalizations,
    limits,
    watched,
  };
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
  const bad = dataset.features.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const size = elementCount(dataset.sampleShape);
    throw new InputError(
      `data ${dataset.name}: sample ${Math.floor(bad / size)}, number ${bad % size} is ${dataset.features[bad]}; finite numbers are needed`,
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

function checkGradients(graph: Graph, parameters: readonly Parameter[]): void {
  if (parameters.length === 0) {
    throw new InputError(
      "the model has nothing to train: no Conv, Gemm, MatMul or normalization reads a floating-point initializer",
    );
  }
  const missing = missingGradientRules(
    graph,
    parameters.map((parameter) => parameter.name),
  );
  const [first] = missing;
  if (first === undefined) return;
  const others = missing.length > 1 ? ` (and ${missing.length - 1} more)` : "";
  throw new InputError(
    `node ${first.node}${others}: ${first.opType} has no gradient in opset ${standardOpset(graph)}, so the model cannot be trained`,
  );
}

function checkedOutput(
  value: string,
  shape: readonly (number | string)[] | undefined,
  batchSize: number,
): readonly number[] {
  const sizes = staticShape(shape ?? ["unknown"]);
  if (sizes === undefined) {
    throw new InputError(
      `output ${value}: its shape ${shape === undefined ? "" : `[${shape.join(", ")}] `}does not follow from the shape of the input`,
    );
  }
  if (sizes[0] !== batchSize) {
    throw new InputError(
      `output ${value}: has shape [${sizes.join(", ")}] for a batch of ${batchSize}; its first dimension must be the batch`,
    );
  }
  return sizes;
}
