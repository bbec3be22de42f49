import type { Dataset } from "../data/dataset.ts";
import type { Split } from "../data/split.ts";
import { type Graph, standardOpset } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { requireComputed } from "../graph/opaque-node.ts";
import { inferShapes } from "../operators/infer-shapes.ts";
import type { ForwardMode } from "../operators/operator.ts";
import { staticShape } from "../operators/shape-algebra.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { missingGradientRules } from "./autodiff.ts";
import { checkBatchStatistics } from "./check-batch-statistics.ts";
import { lossValue, partFor, sampleInput, withInputShape } from "./forward-part.ts";
import { checkFrozen, frozenParts } from "./frozen.ts";
import type { LossSettings } from "./losses/loss.ts";
import { type NormLimit, normLimits } from "./max-norm.ts";
import { type Parameter, trainableParameters } from "./parameters.ts";
import { planSamples, planTargets } from "./plan-samples.ts";
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
  const { samples, split, batchSize } = planSamples(data, { name: input, sampleShape }, config);
  const value = lossValue(graph, config.loss);
  const part = partFor(graph, [value]);
  requireComputed(part);
  const trainable = trainableParameters(part);
  checkFrozen(part, trainable, config);
  const { trained: parameters, normalizations } = frozenParts(part, trainable, config);
  checkGradients(part, parameters);
  const limits =
    config.maxNorm.limit === 0 ? new Map<string, NormLimit>() : normLimits(part, parameters);
  const fixed = withInputShape(part, input, [batchSize, ...samples.sampleShape]);
  const types = inferShapes(fixed);
  const outputShape = types.get(value)?.shape;
  const output = { name: value, shape: checkedOutput(value, outputShape, batchSize) };
  if (mode === "training") {
    checkBatchStatistics(fixed, batchSize, (name) => types.get(name)?.shape, normalizations);
  }
  const { dataset, settings } = planTargets(samples, output, split, config);
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
