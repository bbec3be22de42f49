import type { GraphBuilder } from "../../graph/builder.ts";
import type { OptimizerConfig } from "../../protocol/training.ts";

/** One way to turn a gradient into a step. It adds the update of one parameter to the step graph. */
export interface Optimizer {
  /** Whether each number's update depends on no other number of the parameter. */
  readonly elementwise: boolean;
  /** Tensors it keeps for each parameter, of the parameter's shape; they start at zero. */
  slots(config: OptimizerConfig): readonly string[];
  /**
   * Numbers that change from step to step, fed as scalar inputs of these names.
   *
   * @param step 1-based.
   */
  scalars(
    config: OptimizerConfig,
    learningRate: number,
    step: number,
  ): Readonly<Record<string, number>>;
  addUpdate(update: ParameterUpdate): UpdatedParameter;
}

/** Names of the step graph's values that an update reads. */
export interface ParameterUpdate {
  readonly builder: GraphBuilder;
  readonly config: OptimizerConfig;
  readonly parameter: string;
  /** Of the parameter. */
  readonly rank: number;
  /** Gradient of the whole loss, penalties included. */
  readonly gradient: string;
  /** Whether a decoupled weight decay reaches the parameter. */
  readonly decayed: boolean;
  slot(name: string): string;
  scalar(name: string): string;
}

export interface UpdatedParameter {
  readonly parameter: string;
  readonly slots: Readonly<Record<string, string>>;
}
