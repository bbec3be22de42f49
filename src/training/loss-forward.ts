import { type GraphBuilder, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import type { ConvRecipes } from "../operators/conv-recipe.ts";
import type { ForwardMode } from "../operators/operator.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { addTrainingForward, type ForwardTrace } from "./autodiff.ts";
import type { BatchInputs } from "./batch-feeds.ts";
import type { AddedLoss, LossSettings } from "./losses/loss.ts";
import { LOSSES } from "./losses/table.ts";
import { ownBatchNorm } from "./model-rules.ts";
import { staticShape } from "./watched-sample.ts";

export interface LossForwardOptions {
  readonly input: string;
  /** With the batch dimension. */
  readonly inputShape: readonly number[];
  /** The value the loss is taken of. */
  readonly lossValue: string;
  readonly lossSettings: LossSettings;
  readonly parameters: readonly string[];
  readonly config: Pick<TrainingConfig, "loss" | "batchNorm" | "seed"> &
    Partial<Pick<TrainingConfig, "fromModel">>;
  /** "training" when left out. */
  readonly mode?: ForwardMode;
  /** First outputs of the normalizations that go by their stored statistics; none when left out. */
  readonly frozenNormalizations?: ReadonlySet<string>;
  /** The scalar input that masks and noise follow from; they are the same each time when left out. */
  readonly step?: string;
  /** How convolutions are computed; the plain recipes when left out. */
  readonly convolutions?: ConvRecipes;
}

/** The part of a graph that all else starts from: what a batch's loss is, and how to differentiate it. */
export interface LossForward extends BatchInputs {
  readonly trace: ForwardTrace;
  /** The value the loss is taken of, in the graph that is built. */
  readonly output: string;
  readonly outputShape: readonly number[];
  readonly loss: AddedLoss;
  /** Declarations of the batch's two inputs. */
  readonly inputs: readonly ValueInfo[];
}

/**
 * Adds the model as it computes while training, and the mean loss over a batch.
 *
 * @param graph the part of the model that is needed, its input of the shape of a batch.
 */
export function addLossForward(
  builder: GraphBuilder,
  graph: Graph,
  options: LossForwardOptions,
): LossForward {
  const { input, inputShape, lossValue, lossSettings: settings, config } = options;
  const { mode, step, convolutions, frozenNormalizations } = options;
  const trace = addTrainingForward(builder, graph, new Map(), {
    parameters: options.parameters,
    isFrozen: (node) => frozenNormalizations?.has(node.output[0] ?? "") ?? false,
    batchNormMomentum: config.batchNorm.momentum,
    runningVariance: config.batchNorm.runningVariance,
    ...(config.fromModel?.batchNorm ? { batchNormOf: ownBatchNorm } : {}),
    dropoutSeed: dropoutSeeds(graph, config.seed),
    ...(mode === undefined ? {} : { mode }),
    ...(step === undefined ? {} : { step }),
    ...(convolutions === undefined ? {} : { convolutions }),
  });
  const output = trace.value(lossValue);
  const outputShape = staticShape(trace, lossValue);
  const target = builder.freshName("target");
  const loss = LOSSES[config.loss].add(builder, { output, shape: outputShape, target, settings });
  const labels = settings.targets === "classes";
  const targetShape = labels ? outputShape.slice(0, 1) : outputShape;
  const inputs = [
    makeValueInfo(input, DataType.FLOAT, inputShape),
    makeValueInfo(target, labels ? DataType.INT64 : DataType.FLOAT, targetShape),
  ];
  return { trace, input, inputShape, target, targetShape, output, outputShape, loss, inputs };
}

/**
 * No two masks the same: the number of the node that makes a value in the graph goes into the seed.
 * The value is the same where training writes the node differently.
 */
function dropoutSeeds(graph: Graph, seed: number) {
  const numbers = new Map(graph.nodes.map((node, number) => [node.output[0], number]));
  return (node: Node) => (seed * 65_537 + (numbers.get(node.output[0]) ?? 0)) % 2 ** 31;
}
