import type { Dimension, GraphBuilder } from "../graph/builder.ts";
import type { DataType } from "../graph/data-type.ts";
import type { Node } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ConvRecipes } from "./conv-recipe.ts";

/**
 * The operator set version of every training step. Gradient rules emit nodes of this version, and
 * trainingForward rules bring older forms of their operator up to it (axes as inputs, Softmax over
 * one axis, …). It is the newest whose kernels and fusions ONNX Runtime has for every operator we
 * emit, so that only ever upwards is translated; operators newer than it are refused by name.
 */
export const STEP_OPSET = 20;

/** A size that nobody named: it differs from every other size, other unknown ones included. */
export const UNKNOWN_SIZE = "?";

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
  /**
   * Elements of the first output where it is a short integer tensor that follows from shapes, so
   * that targets computed as Shape → Gather → Concat → Reshape are known.
   */
  readonly inferElements?: ElementRule;
  /** The vector-Jacobian product; left out where there is none, which training says by name. */
  readonly gradient?: GradientRule;
  /**
   * The forward computation while training, where it differs from inference (batch statistics,
   * dropout masks) or from STEP_OPSET's form. Left out, the node is copied as it is.
   */
  readonly trainingForward?: TrainingForwardRule;
}

export interface ValueType {
  readonly dataType: DataType;
  readonly shape: readonly Dimension[];
}

export interface ShapeContext {
  readonly node: Node;
  /** The version of the node's operator set. */
  readonly opset: number;
  input(index: number): ValueType | undefined;
  /** The input's value where it is constant (axes, target shapes, pads). */
  constant(index: number): Tensor | undefined;
  /**
   * Elements of an integer input, row-major: numbers, or names of sizes. Known for constants of rank 0
   * or 1 and for whatever is computed from shapes, also where a list was made a table on the way.
   */
  elements(index: number): readonly Dimension[] | undefined;
}

export type ShapeRule = (context: ShapeContext) => readonly (ValueType | undefined)[];

export type ElementRule = (context: ShapeContext) => readonly Dimension[] | undefined;

/** What a gradient rule sees. Shapes are fully known numbers: a training step is static. */
export interface GradientContext {
  /** Where the rule adds its nodes, in their STEP_OPSET form. */
  readonly builder: GraphBuilder;
  /** The model's own node, with attributes as of `opset`. */
  readonly node: Node;
  readonly opset: number;
  /** Names of the forward values in the step graph; "" for an omitted input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  inputShape(index: number): readonly number[];
  outputShape(index: number): readonly number[];
  constant(index: number): Tensor | undefined;
  /** Elements of an integer input that is constant or follows from shapes. */
  elements(index: number): readonly number[] | undefined;
  /** True when somebody wants the gradient for this input; rules skip the others. */
  needs(index: number): boolean;
  /** Values that trainingForward kept for the gradient, by name (for example "batchMean"). */
  saved(name: string): string;
  readonly mode: ForwardMode;
  /** How convolutions are computed. */
  readonly convolutions: ConvRecipes;
}

/** "inference" differentiates the model as it is used: stored statistics, no dropout. */
export type ForwardMode = "training" | "inference";

/**
 * Adds the nodes of the vector-Jacobian product.
 *
 * A gradient may have the shape its input has after broadcasting: autodiff sums it back.
 *
 * @param outputGradients name of the gradient of the loss for each output, undefined where zero.
 * @returns name of the gradient for each input, undefined where not needed or not differentiable.
 */
export type GradientRule = (
  context: GradientContext,
  outputGradients: readonly (string | undefined)[],
) => readonly (string | undefined)[];

export interface TrainingForwardContext extends Omit<GradientContext, "saved" | "needs"> {
  /** Names the outputs must get; "" for an omitted output. */
  readonly outputs: readonly string[];
  /** Keeps a value for the gradient rule of the same node. */
  save(name: string, value: string): void;
  /**
   * Declares the next value of the stored state (such as a running mean) that an input reads.
   * `next` gets the name of the state's value so far: nodes that share a state update it in turn.
   */
  updateState(input: number, next: (current: string) => string): void;
  readonly options: TrainingForwardOptions;
}

export interface TrainingForwardOptions {
  /**
   * Initializers that the caller declares as inputs of the step graph because they are trained.
   * States (running statistics) are inputs too, see ForwardTrace.stateUpdates; every other
   * initializer is copied into the step graph as a constant.
   */
  readonly parameters: readonly string[];
  /** "training" when left out. */
  readonly mode?: ForwardMode;
  /** Nodes that compute as at inference while the rest trains; none when left out. */
  isFrozen?(node: Node): boolean;
  /** How convolutions are computed; the plain recipes when left out. */
  readonly convolutions?: ConvRecipes;
  /** new running statistic = (1 − momentum)·old + momentum·batch (torch's direction). */
  readonly batchNormMomentum: number;
  /** Which variance enters the running variance: m/(m−1) times the batch's, or the batch's own. */
  readonly runningVariance: "unbiased" | "population";
  /** What a normalization goes by in their place; undefined where it has nothing of its own. */
  batchNormOf?(
    node: Node,
  ): { readonly momentum: number; readonly runningVariance: "unbiased" | "population" } | undefined;
  /** A fresh seed per dropout node, so that no two masks are the same. */
  dropoutSeed(node: Node): number;
  /**
   * A uint32 scalar that the caller declares as an input of the step graph and that differs from
   * step to step; where it is left out every step draws the same masks.
   */
  readonly step?: string;
}

export type TrainingForwardRule = (context: TrainingForwardContext) => void;
