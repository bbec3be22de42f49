import { GraphBuilder, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { takenNames } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import type { ConvRecipes } from "../operators/conv-recipe.ts";
import { type ForwardMode, STEP_OPSET } from "../operators/operator.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { addGradients, addTrainingForward } from "./autodiff.ts";
import type { BatchInputs } from "./batch-feeds.ts";
import type { TrainingPlan } from "./check-trainable.ts";
import { partFor, withInputShape } from "./forward-part.ts";
import { LOSSES } from "./losses/table.ts";
import { dropoutSeeds } from "./step-graph.ts";
import { staticShape } from "./watched-sample.ts";

/** Loss and gradients of one batch as a graph of fixed shapes. */
export interface GradientGraph extends BatchInputs {
  readonly graph: Graph;
  readonly loss: string;
  /** Outputs by parameter, each of its parameter's shape. */
  readonly gradients: ReadonlyMap<string, string>;
  /** Parameters and running statistics, which are fed. */
  readonly fed: readonly string[];
}

/**
 * The first half of a training step: forward, loss, gradients; without penalties and update.
 *
 * @param mode "inference" differentiates the model as it is used: stored statistics, no dropout.
 */
export function buildGradientGraph(
  plan: TrainingPlan,
  config: Pick<TrainingConfig, "loss" | "batchNorm" | "seed">,
  mode: ForwardMode,
  convolutions: ConvRecipes,
): GradientGraph {
  const { input } = plan;
  const inputShape = [plan.batchSize, ...plan.dataset.sampleShape];
  const parameters = plan.parameters.map(({ name }) => name);
  const graph = withInputShape(partFor(plan.graph, [plan.lossValue]), input, inputShape);
  const builder = new GraphBuilder(takenNames(graph));
  const trace = addTrainingForward(builder, graph, new Map(), {
    parameters,
    mode,
    batchNormMomentum: config.batchNorm.momentum,
    runningVariance: config.batchNorm.runningVariance,
    dropoutSeed: dropoutSeeds(graph, config.seed),
    convolutions,
  });
  const output = trace.value(plan.lossValue);
  const shape = staticShape(trace, plan.lossValue);
  const target = builder.freshName("target");
  const settings = plan.lossSettings;
  const { loss, gradient } = LOSSES[config.loss].add(builder, { output, shape, target, settings });
  const seeds = new Map([[plan.lossValue, gradient]]);
  // A graph's output is made by a node of its own; a gradient may be a constant, or another one's too.
  const gradients = new Map(
    [...addGradients(builder, trace, seeds, parameters)].map(([parameter, value]) => [
      parameter,
      builder.add("Identity", [value], { stem: "gradient" }),
    ]),
  );
  const labels = settings.targets === "classes";
  const targetShape = labels ? shape.slice(0, 1) : shape;
  const states = trace.stateUpdates.map(({ parameter }) => parameter);
  const fed = [...new Set([...parameters, ...states])];
  const dimsOf = (name: string) => graph.initializers.get(name)?.dims ?? [];
  const inputs = [
    makeValueInfo(input, DataType.FLOAT, inputShape),
    makeValueInfo(target, labels ? DataType.INT64 : DataType.FLOAT, targetShape),
    ...fed.map((name) => makeValueInfo(name, DataType.FLOAT, dimsOf(name))),
  ];
  const outputs = [
    makeValueInfo(loss, DataType.FLOAT, []),
    ...[...gradients].map(([parameter, value]) =>
      makeValueInfo(value, DataType.FLOAT, dimsOf(parameter)),
    ),
  ];
  const step = builder.build("gradients", inputs, outputs, STEP_OPSET);
  return { graph: step, input, inputShape, target, targetShape, loss, gradients, fed };
}
