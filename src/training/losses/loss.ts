import type { Dataset, TargetKind, Targets } from "../../data/dataset.ts";
import type { GraphBuilder } from "../../graph/builder.ts";

/**
 * One way to measure how far the model's output is from the target: as nodes of the step graph with
 * their gradient, and as numbers over a validation batch. Both are the same formula, but for label
 * smoothing, which evaluation leaves out.
 */
export interface Loss {
  /** The model's last operator where the loss has it in its formula, so that it is taken of its input. */
  readonly absorbs: readonly string[];
  /** How a file's whole numbers are meant; undefined where the file's own type is to say. */
  readonly targetKind: TargetKind | undefined;
  /** True where a share of right answers means something. */
  readonly accuracy: boolean;
  /**
   * The targets as the loss reads them.
   *
   * @throws InputError naming the sample or size that does not fit.
   */
  targets(dataset: Dataset, output: ModelOutput): Targets;
  add(builder: GraphBuilder, inputs: LossInputs): AddedLoss;
  measure(output: Float32Array, target: RowTarget, settings: LossSettings): Measured;
}

/** The value the loss is taken of. */
export interface ModelOutput {
  readonly name: string;
  /** With the batch dimension. */
  readonly shape: readonly number[];
}

/** Options as they apply to this run's targets. */
export interface LossSettings {
  /** What the targets are after `targets`. */
  readonly targets: TargetKind;
  /** 0 … below 1. */
  readonly labelSmoothing: number;
  /** By class; undefined where all count the same. */
  readonly classWeights?: readonly number[];
  /** Huber: where the square ends and the line begins. */
  readonly delta: number;
}

export interface LossInputs {
  /** The model's output (before an absorbed operator) in the step graph. */
  readonly output: string;
  readonly shape: readonly number[];
  /** int64 labels [batch], or numbers of the output's shape. */
  readonly target: string;
  readonly settings: LossSettings;
}

/** What a loss adds to the step graph. */
export interface AddedLoss {
  /** Scalar: the mean over the batch. */
  readonly loss: string;
  /** Gradient of the loss for the value it is taken of, of the same shape. */
  readonly gradient: string;
}

/** The target of one sample: its class, or its numbers. */
export type RowTarget =
  | { readonly kind: "classes"; readonly label: number }
  | { readonly kind: "numbers"; readonly values: Float32Array };

/** One sample's part: the loss of many is Σ sum / Σ weight, their accuracy Σ right / Σ answers. */
export interface Measured {
  readonly sum: number;
  readonly weight: number;
  readonly right: number;
  readonly answers: number;
}
