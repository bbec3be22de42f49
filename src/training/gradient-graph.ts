import { GraphBuilder, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { takenNames } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import type { ConvRecipes } from "../operators/conv-recipe.ts";
import { type ForwardMode, STEP_OPSET } from "../operators/operator.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { addGradients } from "./autodiff.ts";
import type { BatchInputs } from "./batch-feeds.ts";
import type { TrainingPlan } from "./check-trainable.ts";
import { partFor, withInputShape } from "./forward-part.ts";
import { addLossForward } from "./loss-forward.ts";

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
  const options = { ...plan, inputShape, parameters, config, mode, convolutions };
  const { trace, loss, inputs, target, targetShape } = addLossForward(builder, graph, options);
  const seeds = new Map([[plan.lossValue, loss.gradient]]);
  // A graph's output is made by a node of its own; a gradient may be a constant, or another one's too.
  const gradients = new Map(
    [...addGradients(builder, trace, seeds, parameters)].map(([parameter, value]) => [
      parameter,
      builder.add("Identity", [value], { stem: "gradient" }),
    ]),
  );
  const states = trace.stateUpdates.map(({ parameter }) => parameter);
  const fed = [...new Set([...parameters, ...states])];
  const dimsOf = (name: string) => graph.initializers.get(name)?.dims ?? [];
  const fedInputs = fed.map((name) => makeValueInfo(name, DataType.FLOAT, dimsOf(name)));
  const outputs = [
    makeValueInfo(loss.loss, DataType.FLOAT, []),
    ...[...gradients].map(([parameter, value]) =>
      makeValueInfo(value, DataType.FLOAT, dimsOf(parameter)),
    ),
  ];
  const built = builder.build("gradients", [...inputs, ...fedInputs], outputs, STEP_OPSET);
  const batch = { input, inputShape, target, targetShape };
  return { ...batch, graph: built, loss: loss.loss, gradients, fed };
}
