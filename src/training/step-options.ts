import type { TrainingConfig } from "../protocol/training.ts";
import type { TrainingPlan } from "./check-trainable.ts";
import { decayedParameters, penalizedValues } from "./decayed-parameters.ts";
import { partFor } from "./forward-part.ts";
import { modelRules } from "./model-rules.ts";
import { isLayerWeight } from "./parameters.ts";
import type { StepOptions } from "./step-graph.ts";

/** What the step graph of a run is built from. */
export function stepOptions(plan: TrainingPlan, config: TrainingConfig): StepOptions {
  const { decayedParameters: decayed } = config;
  const weights = plan.parameters.filter(isLayerWeight).map(({ name }) => name);
  return {
    ...plan,
    config,
    inputShape: [plan.batchSize, ...plan.dataset.sampleShape],
    parameters: plan.parameters.map((parameter) => parameter.name),
    ...(config.statistics.detailsEverySteps === 0 ? {} : { weights }),
    penalized: penalizedValues(plan.parameters, decayed),
    decayed: decayedParameters(plan.parameters, decayed),
    ...modelRules(
      partFor(plan.graph, [plan.lossValue]),
      plan.parameters,
      plan.batchSize,
      config.fromModel,
    ),
    noise: new Set(
      plan.parameters.filter(({ role }) => role === "noise").map((parameter) => parameter.name),
    ),
  };
}
