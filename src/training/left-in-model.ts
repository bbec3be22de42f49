import { withInputScaling } from "../data/input-scaling-note.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { type WeightRules, weightRules, withWeightRules } from "../graph/weight-rules.ts";
import { maxNormConstraint, takesMaxNorm } from "../operators/max-norm-constraint.ts";
import type { InputScaling, TrainingConfig } from "../protocol/training.ts";
import type { TrainingPlan } from "./check-trainable.ts";
import { penalizedValues } from "./decayed-parameters.ts";
import type { Parameter } from "./parameters.ts";
import { withScalingNodes } from "./scaling-nodes.ts";

type LeftConfig = Pick<
  TrainingConfig,
  "intoModel" | "maxNorm" | "l1" | "l2" | "decayedParameters" | "fromModel"
>;

/**
 * The model as a run saves it: with what config.intoModel asks for, and with a note of how its inputs
 * have to be scaled, unless it does that itself.
 */
export function leftInModel(
  plan: Pick<TrainingPlan, "graph" | "parameters" | "limits" | "input" | "dataset">,
  config: LeftConfig,
  inputScaling: InputScaling | undefined,
): Graph {
  const { parameters, input, dataset } = plan;
  const penalized = penalizedValues(parameters, config.decayedParameters);
  const rules = new Map<string, [Parameter, WeightRules][]>();
  for (const parameter of parameters) {
    const own = rulesOf({ limits: plan.limits, penalized }, parameter, config);
    const key = parameter.node.output[0] ?? "";
    if (Object.keys(own).length > 0) rules.set(key, [...(rules.get(key) ?? []), [parameter, own]]);
  }
  const nodes = plan.graph.nodes.map((node) =>
    (rules.get(node.output[0] ?? "") ?? []).reduce<Node>(
      (noted, [parameter, own]) => withWeightRules(noted, parameter.input, own),
      node,
    ),
  );
  const graph = rules.size === 0 ? plan.graph : { ...plan.graph, nodes };
  if (inputScaling === undefined) return graph;
  if (!config.intoModel.inputScaling) return withInputScaling(graph, inputScaling);
  const scaled = withScalingNodes(graph, input, dataset.sampleShape, inputScaling);
  return withInputScaling(scaled, undefined);
}

/** What a run held a parameter by, as its layer's own rules. */
function rulesOf(
  { limits, penalized }: Pick<TrainingPlan, "limits"> & { readonly penalized: ReadonlySet<string> },
  { name, dims, node, input, indirect }: Parameter,
  { intoModel, maxNorm, l1, l2, fromModel }: LeftConfig,
): WeightRules {
  if (indirect) return {};
  const before = weightRules(node, input);
  const limit = limits.get(name);
  const constrained = intoModel.constraints && takesMaxNorm(before.constraint);
  const units = constrained && limit?.kind === "weight" ? limit.units : undefined;
  const reached = penalized.has(node.input[input] ?? "");
  const regularized = intoModel.regularizers && reached && (l1 > 0 || l2 > 0);
  const own = (fromModel.regularizers ? before.regularizer : undefined) ?? { l1: 0, l2: 0 };
  return {
    ...(units === undefined ? {} : { constraint: maxNormConstraint(units, dims, maxNorm.limit) }),
    // A run's l2 has the factor ½, the layer's has not.
    ...(regularized ? { regularizer: { l1: own.l1 + l1, l2: own.l2 + l2 / 2 } } : {}),
  };
}
