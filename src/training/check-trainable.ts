import { type Dataset, withSampleShape } from "../data/dataset.ts";
import { type Split, splitSamples } from "../data/split.ts";
import { type Graph, standardOpset } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import { inferShapes } from "../operators/infer-shapes.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { missingGradientRules } from "./autodiff.ts";
import { checkBatchStatistics } from "./check-batch-statistics.ts";
import { lossValue, partFor, sampleInput, withInputShape } from "./forward-part.ts";
import type { LossKind } from "./losses.ts";
import { type NormLimit, normLimits } from "./max-norm.ts";
import { type Parameter, trainableParameters } from "./parameters.ts";
import { resolveValues } from "./watched-values.ts";

/** What a run works on, found possible before anything is built or written. */
export interface TrainingPlan {
  readonly graph: Graph;
  readonly input: string;
  readonly lossValue: string;
  /** In the shape of the model's input. */
  readonly dataset: Dataset;
  readonly split: Split;
  /** At most the configured one; smaller where there are fewer training samples. */
  readonly batchSize: number;
  readonly parameters: readonly Parameter[];
  /** Where config.maxNorm acts; empty where it is off. */
  readonly limits: ReadonlyMap<string, NormLimit>;
  /** Values to take statistics of, in graph order. */
  readonly watched: readonly string[];
}

/**
 * Everything that can be known to fail before training starts.
 *
 * @throws InputError naming the node, the data or the option in the way.
 */
export function planTraining(graph: Graph, data: Dataset, config: TrainingConfig): TrainingPlan {
  const { name: input, sampleShape } = sampleInput(graph);
  const dataset = withSampleShape(data, sampleShape, input);
  const split = splitSamples(dataset, config.split, config.seed);
  checkSampleCount(dataset, split, config);
  checkFinite(dataset);
  const value = lossValue(graph, config.loss);
  const part = partFor(graph, [value]);
  const parameters = trainableParameters(part);
  checkGradients(part, parameters);
  const limits =
    config.maxNorm.limit === 0 ? new Map<string, NormLimit>() : normLimits(part, parameters);
  const batchSize = Math.min(config.batchSize, split.train.length);
  const fixed = withInputShape(part, input, [batchSize, ...dataset.sampleShape]);
  const types = inferShapes(fixed);
  const outputShape = types.get(value)?.shape;
  checkOutput(value, outputShape, batchSize, config.loss);
  checkBatchStatistics(fixed, batchSize, (name) => types.get(name)?.shape);
  checkTargets(dataset, value, (outputShape ?? []).slice(1).map(Number), config.loss);
  const { values } = config.statistics;
  const watched = resolveValues(values === "auto" ? part : graph, values, "statistics.values");
  return { graph, input, lossValue: value, dataset, split, batchSize, parameters, limits, watched };
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

function checkOutput(
  value: string,
  shape: readonly (number | string)[] | undefined,
  batchSize: number,
  loss: LossKind,
): void {
  if (shape === undefined || !shape.every((size) => typeof size === "number")) {
    throw new InputError(
      `output ${value}: its shape ${shape === undefined ? "" : `[${shape.join(", ")}] `}does not follow from the shape of the input`,
    );
  }
  if (shape[0] !== batchSize) {
    throw new InputError(
      `output ${value}: has shape [${shape.join(", ")}] for a batch of ${batchSize}; its first dimension must be the batch`,
    );
  }
  const perClass = shape.length >= 2 && elementCount(shape.slice(2)) === 1;
  if (loss === "cross-entropy" && !(perClass && Number(shape[1]) >= 2)) {
    throw new InputError(
      `output ${value}: has shape [${shape.join(", ")}]; cross-entropy needs one number for each of at least two classes`,
    );
  }
}

function checkTargets(
  dataset: Dataset,
  output: string,
  outputShape: readonly number[],
  loss: LossKind,
): void {
  const { targets, name } = dataset;
  if (targets === undefined) throw new InputError(`data ${name}: has no labels (y) to train on`);
  if (loss === "cross-entropy") {
    const classes = outputShape[0] ?? 0;
    if (targets.kind !== "classes") {
      throw new InputError(`data ${name}: its targets are numbers; cross-entropy needs classes`);
    }
    const bad = targets.labels.findIndex((label) => label >= classes);
    if (bad >= 0) {
      throw new InputError(
        `data ${name}: sample ${bad} has label ${targets.classNames[targets.labels[bad] ?? 0]}, number ${(targets.labels[bad] ?? 0) + 1} of ${targets.classNames.length} classes, but output ${output} has ${classes}`,
      );
    }
    return;
  }
  if (targets.kind !== "numbers") {
    throw new InputError(`data ${name}: its targets are classes; mean-squared-error needs numbers`);
  }
  const perSample = elementCount(targets.shape);
  if (perSample !== elementCount(outputShape)) {
    throw new InputError(
      `data ${name}: a target has ${perSample} numbers, but output ${output} has ${elementCount(outputShape)} a sample`,
    );
  }
}
