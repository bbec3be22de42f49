import { elementCount } from "../graph/tensor.ts";
import { forwardAsDense, inputAsDense, weightAsDense } from "./conv-as-dense.ts";
import { blockedConvolution, blockedFlippedConvolution } from "./conv-blocked.ts";
import { forwardBySelection, inputBySelection, weightBySelection } from "./conv-by-selection.ts";
import { plainConvolution } from "./conv-forward.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import { flippedConvolution, transposedConvolution } from "./conv-input-gradient.ts";
import { blockedConvolutionPerPhase } from "./conv-per-phase.ts";
import type {
  ConvChoice,
  ConvForwardRecipe,
  ConvGradientRecipe,
  ConvMachine,
  ConvRecipes,
} from "./conv-recipe.ts";
import {
  columnsByConvolution,
  correlation,
  productPerTap,
  stackedTaps,
  tapsChannelsLast,
} from "./conv-weight-gradient.ts";

/** Every way to compute a convolution and its gradients; adding one is adding it here. */
export const FORWARD_RECIPES: readonly ConvForwardRecipe[] = [
  plainConvolution,
  blockedConvolution,
  forwardBySelection,
  forwardAsDense,
];

export const INPUT_GRADIENT_RECIPES: readonly ConvGradientRecipe[] = [
  transposedConvolution,
  flippedConvolution,
  blockedFlippedConvolution,
  blockedConvolutionPerPhase,
  inputBySelection,
  inputAsDense,
];

export const WEIGHT_GRADIENT_RECIPES: readonly ConvGradientRecipe[] = [
  correlation,
  productPerTap,
  stackedTaps,
  columnsByConvolution,
  tapsChannelsLast,
  weightBySelection,
  weightAsDense,
];

export function forwardRecipe(name: string): ConvForwardRecipe {
  return named(FORWARD_RECIPES, name);
}

export function inputGradientRecipe(name: string): ConvGradientRecipe {
  return named(INPUT_GRADIENT_RECIPES, name);
}

export function weightGradientRecipe(name: string): ConvGradientRecipe {
  return named(WEIGHT_GRADIENT_RECIPES, name);
}

function named<Recipe extends { readonly name: string }>(
  recipes: readonly Recipe[],
  name: string,
): Recipe {
  const found = recipes.find((recipe) => recipe.name === name);
  if (found === undefined) throw new Error(`no convolution recipe "${name}"`);
  return found;
}

/** Whether something read from a file is a choice, and each of its recipes computes this convolution. */
export function isChoiceFor(
  value: unknown,
  geometry: ConvGeometry,
  machine: ConvMachine,
): value is ConvChoice {
  const choice = new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
  const computes = (recipes: readonly (ConvForwardRecipe | ConvGradientRecipe)[], kind: string) =>
    recipes.some(({ name, applies }) => name === choice.get(kind) && applies(geometry, machine));
  return (
    computes(FORWARD_RECIPES, "forward") &&
    computes(INPUT_GRADIENT_RECIPES, "inputGradient") &&
    computes(WEIGHT_GRADIENT_RECIPES, "weightGradient")
  );
}

/** Rules of thumb, for where nothing has been timed; the same on every run. */
export function usualRecipes(machine: ConvMachine): ConvRecipes {
  return { machine, choose: (geometry) => usualChoice(geometry, machine) };
}

/** Plain rules on a machine of which nothing is known. */
export const PLAIN_RECIPES = usualRecipes({ channelBlock: 1 });

/**
 * Measured with 1 and 2 threads on images of 1×1 to 32×32 in batches of 32 and 64
 * (test/bench/train): products with a selection matrix for images up to 8×8; beyond, blocked kernels
 * are up to twice as fast as plain ones.
 */
export function usualChoice(geometry: ConvGeometry, machine: ConvMachine): ConvChoice {
  if (forwardBySelection.applies(geometry, machine)) {
    return {
      forward: forwardBySelection.name,
      inputGradient: inputBySelection.name,
      weightGradient: weightBySelection.name,
    };
  }
  return {
    forward: blocked(blockedConvolution, geometry, machine) ?? plainConvolution.name,
    inputGradient:
      blocked(blockedFlippedConvolution, geometry, machine) ??
      blocked(blockedConvolutionPerPhase, geometry, machine) ??
      usualInputGradient(geometry, machine),
    weightGradient: usualWeightGradient(geometry, machine),
  };
}

function blocked(
  recipe: ConvForwardRecipe | ConvGradientRecipe,
  geometry: ConvGeometry,
  machine: ConvMachine,
): string | undefined {
  const full =
    Math.min(geometry.channels, geometry.filters) / geometry.group >= machine.channelBlock;
  return full && recipe.applies(geometry, machine) ? recipe.name : undefined;
}

/** With stride 1 and at least 16 input channels Conv has the better kernels than ConvTranspose. */
function usualInputGradient(geometry: ConvGeometry, machine: ConvMachine): string {
  const flips = flippedConvolution.applies(geometry, machine) && geometry.channels >= 16;
  return (flips ? flippedConvolution : transposedConvolution).name;
}

/**
 * Columns by one convolution where the taps lie apart (strides, which make their slices slow), where
 * there are few channels to slice, and where the columns stay in a core's cache; one product a tap
 * otherwise; a convolution with the output gradient as its kernel for groups.
 */
function usualWeightGradient(geometry: ConvGeometry, machine: ConvMachine): string {
  if (!productPerTap.applies(geometry, machine)) return correlation.name;
  if (elementCount(geometry.kernel) === 1) return stackedTaps.name;
  const strided = geometry.strides.some((stride) => stride > 1);
  const few = geometry.channels <= 4;
  const cached = columnElements(geometry) <= CACHED_COLUMN_ELEMENTS;
  if ((strided || few || cached) && columnsByConvolution.applies(geometry, machine)) {
    return columnsByConvolution.name;
  }
  return few ? stackedTaps.name : productPerTap.name;
}

/** 1.25 MiB of float32. */
const CACHED_COLUMN_ELEMENTS = 320 * 1024;

/** N·C·T·P, what im2col makes of the input. */
function columnElements({ batch, channels, kernel, outputSizes }: ConvGeometry): number {
  return batch * channels * elementCount(kernel) * elementCount(outputSizes);
}
