import type { Dimension, GraphBuilder } from "../graph/builder.ts";
import type { DataType } from "../graph/data-type.ts";
import type { Node } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";

/**
 * Everything NormLens knows of one ONNX operator, side by side. A family of operators is one file;
 * table.ts collects them. Adding an operator is adding its rule and its test.
 */
export interface OperatorRule {
  readonly opType: string;
  /** "" (left out) is the standard domain. */
  readonly domain?: string;
  /** Types and shapes of the outputs; undefined entries are unknown. */
  readonly inferShapes: ShapeRule;
  /** The vector-Jacobian product; left out where there is none, which training says by name. */
  readonly gradient?: GradientRule;
  /**
   * The forward computation while training, where it differs from inference (batch statistics,
   * dropout masks). Left out, the node is copied as it is.
   */
  readonly trainingForward?: TrainingForwardRule;
}

export interface ValueType {
  readonly dataType: DataType;
  readonly shape: readonly Dimension[];
}

export interface ShapeContext {
  readonly node: Node;
  readonly opset: number;
  input(index: number): ValueType | undefined;
  /** The input's value where it is constant (axes, target shapes, pads). */
  constant(index: number): Tensor | undefined;
}

export type ShapeRule = (context: ShapeContext) => readonly (ValueType | undefined)[];

/** What a gradient rule sees. Shapes are fully known numbers: a training step is static. */
export interface GradientContext {
  /** Where the rule adds its nodes. */
  readonly builder: GraphBuilder;
  readonly node: Node;
  readonly opset: number;
  /** Names of the forward values in the step graph; "" for an omitted input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  inputShape(index: number): readonly number[];
  outputShape(index: number): readonly number[];
  constant(index: number): Tensor | undefined;
  /** True when somebody wants the gradient for this input; rules skip the others. */
  needs(index: number): boolean;
  /** Values that trainingForward kept for the gradient, by name (for example "batchMean"). */
  saved(name: string): string;
}

/**
 * Adds the nodes of the vector-Jacobian product.
 *
 * @param outputGradients name of the gradient of the loss for each output, undefined where zero.
 * @returns name of the gradient for each input, undefined where not needed or not differentiable.
 */
export type GradientRule = (
  context: GradientContext,
  outputGradients: readonly (string | undefined)[],
) => readonly (string | undefined)[];

export interface TrainingForwardContext
  extends Omit<GradientContext, "saved" | "outputs" | "needs"> {
  /** Names the outputs must get. */
  readonly outputs: readonly string[];
  /** Keeps a value for the gradient rule of the same node. */
  save(name: string, value: string): void;
  /** Declares the next value of a stored state such as a running mean: parameter ← value. */
  updateState(parameter: string, nextValue: string): void;
  readonly options: TrainingForwardOptions;
}

export interface TrainingForwardOptions {
  /** new running statistic = (1 − momentum)·old + momentum·batch (torch's direction). */
  readonly batchNormMomentum: number;
  /** Which variance enters the running variance: m/(m−1) times the batch's, or the batch's own. */
  readonly runningVariance: "unbiased" | "population";
  /** A fresh seed per dropout node, so that no two masks are the same. */
  dropoutSeed(node: Node): number;
}

export type TrainingForwardRule = (context: TrainingForwardContext) => void;
