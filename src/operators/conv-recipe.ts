import type { GraphBuilder } from "../graph/builder.ts";
import type { ConvGeometry } from "./conv-geometry.ts";

/*
 * One convolution can be computed in several ways, as ONNX nodes with the same result up to
 * rounding. Which is fastest depends on the shapes and the machine.
 */

/** What the kernels of the machine at hand are made for. */
export interface ConvMachine {
  /**
   * Channels that ONNX Runtime's blocked convolutions (domain com.microsoft.nchwc) take at a time:
   * 16 or 8 with wide vector registers, 1 where there are no such kernels.
   */
  readonly channelBlock: number;
}

interface Recipe {
  readonly name: string;
  applies(geometry: ConvGeometry, machine: ConvMachine): boolean;
}

/** Y = X ∗ W + B under a name given. */
export interface ConvForwardRecipe extends Recipe {
  build(
    builder: GraphBuilder,
    geometry: ConvGeometry,
    values: ConvForwardValues,
    machine: ConvMachine,
  ): void;
}

export interface ConvForwardValues {
  readonly input: string;
  readonly weight: string;
  /** "" for none. */
  readonly bias: string;
  readonly output: string;
}

export interface ConvGradientRecipe extends Recipe {
  /**
   * @param other the forward value that the output gradient is combined with: W for the input's
   *   gradient, X for the weight's.
   * @returns the gradient, of the shape of X or W.
   */
  build(
    builder: GraphBuilder,
    geometry: ConvGeometry,
    other: string,
    gradient: string,
    machine: ConvMachine,
  ): string;
}

/** The recipes of one convolution, by name. */
export interface ConvChoice {
  readonly forward: string;
  readonly inputGradient: string;
  readonly weightGradient: string;
}

/** The recipes of all convolutions of a step. */
export interface ConvRecipes {
  readonly machine: ConvMachine;
  choose(geometry: ConvGeometry): ConvChoice;
}
