import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import type { TrainingForwardOptions, ValueType } from "../operators/operator.ts";

// For callers: TrainingForwardOptions has one field more than first agreed, `parameters`, because
// the forward pass must know which initializers are inputs of the step graph and which are copied
// as constants. Build the step graph with STEP_OPSET of operators/operator.ts. Parameters, states
// and the model's inputs keep their names; every other value is asked for with trace.value().

/** What the forward pass of a training step leaves behind for the gradients and the caller. */
export interface ForwardTrace {
  /**
   * States such as running means: initializers of the model that the step graph takes as inputs,
   * and the values that replace them after the step. A state appears once.
   */
  readonly stateUpdates: readonly { readonly parameter: string; readonly next: string }[];
  /** The step graph's name of a value of the model. */
  value(name: string): string;
  /** Type and static shape of a value of the step graph. */
  type(name: string): ValueType | undefined;
}

/** Nodes between a parameter and an output that have no gradient rule, in node order. */
export function missingGradientRules(
  _graph: Graph,
  _parameters: readonly string[],
): readonly { readonly node: string; readonly opType: string }[] {
  throw new Error("not built yet");
}

export function addTrainingForward(
  _builder: GraphBuilder,
  _graph: Graph,
  _bindings: ReadonlyMap<string, number>,
  _options: TrainingForwardOptions,
): ForwardTrace {
  throw new Error("not built yet");
}

/**
 * Adds the gradient of Σ_v seed(v)·v for each parameter.
 *
 * @param seeds gradient of the loss (a step graph value) by name of a value of the model.
 * @returns name of the gradient by parameter; zeros for a parameter that no seed depends on.
 */
export function addGradients(
  _builder: GraphBuilder,
  _trace: ForwardTrace,
  _seeds: ReadonlyMap<string, string>,
  _parameters: readonly string[],
): ReadonlyMap<string, string> {
  throw new Error("not built yet");
}
