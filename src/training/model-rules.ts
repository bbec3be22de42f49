import { floatAttribute } from "../graph/attributes.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { nodeOrigin } from "../graph/node-origin.ts";
import {
  activityRegularizer,
  type Regularizer,
  type WeightConstraint,
  weightRules,
} from "../graph/weight-rules.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import type { Parameter } from "./parameters.ts";
import type { WeightPenalty } from "./weight-penalty.ts";

/** What the layers of a Keras or TensorFlow.js model say about their own training. */
export interface ModelRules {
  /** Penalties by value: of weights, and of what layers put out. */
  readonly penalties: ReadonlyMap<string, WeightPenalty>;
  /** By parameter. */
  readonly constraints: ReadonlyMap<string, WeightConstraint>;
}

/**
 * The rules that the options leave in force. Keras' l2·Σw² is 2·l2 of our l2·½·Σw². What a layer puts
 * out is penalized by its mean over the batch (keras/src/layers/layer.py): Σ over all of it, divided by
 * the number of samples.
 *
 * @param part the nodes that training computes.
 */
export function modelRules(
  part: Graph,
  parameters: readonly Parameter[],
  batchSize: number,
  { regularizers, constraints }: TrainingConfig["fromModel"],
): ModelRules {
  const penalties = new Map<string, WeightPenalty>();
  const limits = new Map<string, WeightConstraint>();
  for (const { name, node, input, indirect } of parameters) {
    // Behind weight normalization a parameter is not the weight that the layer states rules for.
    if (indirect) continue;
    const { regularizer, constraint } = weightRules(node, input);
    if (regularizer !== undefined && regularizers) penalties.set(name, penalty(regularizer, 1));
    if (constraint !== undefined && constraints) limits.set(name, constraint);
  }
  for (const node of regularizers ? part.nodes : []) {
    const activity = activityRegularizer(node);
    const output = node.output[0] ?? "";
    if (activity !== undefined) penalties.set(output, penalty(activity, batchSize));
  }
  return { penalties, constraints: limits };
}

function penalty({ l1, l2 }: Regularizer, samples: number): WeightPenalty {
  return { l1: l1 / samples, l2: (2 * l2) / samples };
}

/**
 * How a BatchNormalization of a layers model updates its running statistics: by its own momentum, which
 * Keras counts from the old value, and the batch's own variance. Undefined for any other node.
 */
export function ownBatchNorm(node: Node): TrainingConfig["batchNorm"] | undefined {
  if (nodeOrigin(node) === undefined) return undefined;
  return { momentum: 1 - floatAttribute(node, "momentum", 0.9), runningVariance: "population" };
}
