import { floatAttribute, intAttribute, intsAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { InputError } from "../graph/input-error.ts";
import { roleNumber } from "../graph/node-role.ts";
import { elementCount } from "../graph/tensor.ts";
import { convolutionRules } from "./convolution.ts";
import { addNode, copyNode, meanOver, reshape, scale, swapFirstTwo } from "./emit.ts";
import { linearRules } from "./linear.ts";
import {
  addInverseRoot,
  addInverseRootGradient,
  type InverseRoot,
  identityOf,
  product,
  transposed,
} from "./newton-schulz.ts";
import type {
  GradientContext,
  GradientRule,
  TrainingForwardContext,
  TrainingForwardRule,
} from "./operator.ts";
import type { RoleRule } from "./role-rules.ts";
import { rangeOf } from "./shape-algebra.ts";

/*
 * Whitening (iterative normalization, Huang et al. 2019, algorithm 1). Over a batch's M rows of C
 * features, X of shape (C, M):
 *
 *   μ = mean(X),  X_c = X − μ,  Σ = X_c·X_cᵀ/M + ε·I,  X̂ = W·X_c   with   W ≈ Σ^(−1/2)
 *
 * by T iterations (newton-schulz.ts). At inference it is a Conv of kernel 1 or a Gemm whose weight
 * and bias are the running W and −W·μ; both are updated as BatchNorm's running statistics are.
 */

/** The paper's; the iterations stay below 1 in the directions that have not converged. */
export const DEFAULT_ITERATIONS = 5;

/**
 * An iteration multiplies a small eigenvalue's root by 1.5, so that ten reach those of 1.5⁻²⁰, or 1/3000,
 * of the trace; smaller ones are mostly the noise of a batch and are better left below 1.
 */
export const MOST_ITERATIONS = 10;

/** The paper's; it keeps Σ regular where a batch has fewer rows than features. */
const EPSILON = 1e-5;

const [VALUE, WEIGHT, BIAS] = [0, 1, 2] as const;

const forward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs } = context;
  if (context.mode === "inference") {
    copyNode(builder, context.node, inputs, outputs);
    return;
  }
  requireWhitening(context);
  const shape = context.inputShape(VALUE);
  const [size, count] = [shape[1] ?? 1, rowsOf(shape)];
  const rows = asRows(builder, inputs[VALUE] ?? "", shape);
  const mean = meanOver(builder, rows, [1]);
  const centred = builder.add("Sub", [rows, mean]);
  const products = product(builder, centred, transposed(builder, centred));
  const regular = scale(builder, identityOf(builder, size), EPSILON);
  const covariance = builder.add("Add", [scale(builder, products, 1 / count), regular]);
  const inverse = addInverseRoot(builder, covariance, size, iterationsOf(context));
  addNode(
    builder,
    "Identity",
    [asValue(builder, product(builder, inverse.root, centred), shape)],
    [outputs[0] ?? ""],
  );
  keep(context, centred, inverse);
  const shift = builder.add("Neg", [product(builder, inverse.root, mean)]);
  updateState(context, WEIGHT, inverse.root);
  updateState(context, BIAS, shift);
};

/** running ← (1 − momentum)·running + momentum·batch. */
function updateState(context: TrainingForwardContext, input: number, batch: string): void {
  const { builder, options } = context;
  context.updateState(input, (current) => {
    const shaped = reshape(builder, batch, context.inputShape(input));
    const kept = scale(builder, current, 1 - options.batchNormMomentum);
    return builder.add("Add", [kept, scale(builder, shaped, options.batchNormMomentum)]);
  });
}

/**
 * With G = ∂ℓ/∂X̂ as (C, M):
 *
 *   ∂ℓ/∂W = G·X_cᵀ,   ∂ℓ/∂X_c = Wᵀ·G + (∂ℓ/∂Σ + ∂ℓ/∂Σᵀ)·X_c/M,   ∂ℓ/∂X = ∂ℓ/∂X_c − mean(∂ℓ/∂X_c)
 *
 * At inference it is its operator, and so is its gradient.
 */
function gradientFor(operator: GradientRule): GradientRule {
  return (context, outputGradients) => {
    const [outputGradient] = outputGradients;
    if (context.mode === "inference") return operator(context, outputGradients);
    if (outputGradient === undefined || !context.needs(VALUE)) return [];
    const { builder } = context;
    const shape = context.inputShape(VALUE);
    const [size, count] = [shape[1] ?? 1, rowsOf(shape)];
    const [centred, inverse] = kept(context);
    const gradient = asRows(builder, outputGradient, shape);
    const ofRoot = product(builder, gradient, transposed(builder, centred));
    const ofCovariance = addInverseRootGradient(builder, inverse, ofRoot, size);
    const both = builder.add("Add", [ofCovariance, transposed(builder, ofCovariance)]);
    const through = product(builder, scale(builder, both, 1 / count), centred);
    const direct = product(builder, transposed(builder, inverse.root), gradient);
    const ofCentred = builder.add("Add", [direct, through]);
    const mean = meanOver(builder, ofCentred, [1]);
    return [asValue(builder, builder.add("Sub", [ofCentred, mean]), shape)];
  };
}

function keep(context: TrainingForwardContext, centred: string, inverse: InverseRoot): void {
  context.save("centred", centred);
  context.save("root", inverse.root);
  context.save("trace", inverse.trace);
  context.save("normalized", inverse.normalized);
  for (const [k, iterate] of inverse.iterates.entries()) {
    context.save(`inverse ${k}`, iterate.inverse);
    context.save(`direct ${k}`, iterate.direct);
  }
}

function kept(context: GradientContext): [centred: string, inverse: InverseRoot] {
  const iterates = rangeOf(iterationsOf(context) - 1).map((k) => ({
    inverse: context.saved(`inverse ${k}`),
    direct: context.saved(`direct ${k}`),
  }));
  const inverse = {
    root: context.saved("root"),
    trace: context.saved("trace"),
    normalized: context.saved("normalized"),
    iterates,
  };
  return [context.saved("centred"), inverse];
}

function rowsOf(shape: readonly number[]): number {
  return elementCount(shape) / (shape[1] ?? 1);
}

/** (N, C, …) as (C, M). */
function asRows(builder: GraphBuilder, value: string, shape: readonly number[]): string {
  const swapped = swapFirstTwo(builder, value, shape.length);
  return shape.length === 2 ? swapped : reshape(builder, swapped, [shape[1] ?? 1, rowsOf(shape)]);
}

/** (C, M) as (N, C, …). */
function asValue(builder: GraphBuilder, rows: string, shape: readonly number[]): string {
  const [batch = 1, size = 1, ...positions] = shape;
  const swapped =
    positions.length === 0 ? rows : reshape(builder, rows, [size, batch, ...positions]);
  return swapFirstTwo(builder, swapped, shape.length);
}

type WhiteningContext = Pick<TrainingForwardContext, "node" | "inputShape" | "inputs">;

/** @throws InputError for a note that is no number of iterations. */
function iterationsOf({ node }: Pick<WhiteningContext, "node">): number {
  const iterations = roleNumber(node, "iterations", DEFAULT_ITERATIONS);
  if (Number.isInteger(iterations) && iterations >= 1 && iterations <= MOST_ITERATIONS)
    return iterations;
  throw new InputError(
    `node ${node.name}: its note of iterations is ${iterations}; a whole number from 1 to ${MOST_ITERATIONS} is needed`,
  );
}

/**
 * @throws InputError where the node is more than x ↦ P·x + b on the features: the role may stand on
 *   any file's Conv.
 */
function requireWhitening(context: WhiteningContext): void {
  const { node, inputs } = context;
  const shape = context.inputShape(VALUE);
  const [, size = 1] = shape;
  const weight = context.inputShape(WEIGHT);
  const square = `${weight}` === `${[size, size, ...shape.slice(2).map(() => 1)]}`;
  const moves = [...(intsAttribute(node, "pads") ?? [])].some((pad) => pad !== 0);
  const strides = (intsAttribute(node, "strides") ?? []).some((stride) => stride !== 1);
  const scaled = floatAttribute(node, "alpha", 1) !== 1 || floatAttribute(node, "beta", 1) !== 1;
  const mixed = intAttribute(node, "transA", 0) !== 0 || intAttribute(node, "group", 1) !== 1;
  const biased = (inputs[BIAS] ?? "") !== "" && elementCount(context.inputShape(BIAS)) === size;
  if (square && biased && !moves && !strides && !scaled && !mixed) return;
  throw new InputError(
    `node ${node.name}: a whitening of ${size} features is a ${node.opType} with a weight of ${size} × ${size} and a bias of ${size} alone; its weight has shape [${weight}]`,
  );
}

/** Whitening is written as either operator. */
export const whiteningRoles: readonly RoleRule[] = [...convolutionRules, ...linearRules].flatMap(
  ({ opType, gradient }) =>
    gradient !== undefined && (opType === "Conv" || opType === "Gemm")
      ? [
          {
            role: "whitening",
            opType,
            trainingForward: forward,
            gradient: gradientFor(gradient),
          } as const,
        ]
      : [],
);
