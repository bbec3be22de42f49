import type { GraphBuilder } from "../graph/builder.ts";
import { InputError } from "../graph/input-error.ts";
import { type NodeRole, roleList, roleNumber } from "../graph/node-role.ts";
import { addNode, asFloat, multiply, scale } from "./emit.ts";
import type { GradientRule, TrainingForwardContext, TrainingForwardRule } from "./operator.ts";
import { normalNumbers, type RandomSource, randomTruths } from "./random-numbers.ts";
import type { RoleRule } from "./role-rules.ts";

/*
 * Noise of Keras' layers, for which ONNX has no operator: in the graph an Identity with a role, which
 * is what they are at inference. While training
 *
 *   y = m·x + c,   ∂L/∂x = m·∂L/∂y,
 *
 * with m and c drawn anew at every step, from the node and the step's number alone (see
 * random-numbers.ts). Axes in the node's list "shared" have one draw for all their positions.
 */

/** m and c by name, each of the shape that is drawn; left out for 1 and 0. */
interface Drawn {
  readonly factor?: string;
  readonly offset?: string;
}

interface LayerNoise {
  readonly role: NodeRole;
  /** What its strength is called where it cannot be followed. */
  readonly strength: "rate" | "stddev";
  draw(
    builder: GraphBuilder,
    shape: readonly number[],
    strength: number,
    from: RandomSource,
  ): Drawn;
}

/**
 * Dropout of what lies along the shared axes together, as SpatialDropout (J. Tompson et al. 2015) drops
 * whole feature maps: m = k/(1 − rate), k = 1 with probability 1 − rate and 0 otherwise.
 */
const sharedDropout: LayerNoise = {
  role: "shared-dropout",
  strength: "rate",
  draw(builder, shape, rate, source) {
    const kept = randomTruths(builder, shape, 1 - rate, source);
    return { factor: scale(builder, asFloat(builder, kept), 1 / (1 - rate)) };
  },
};

/** GaussianNoise: c = σ·ε, ε ~ N(0, 1). */
const addedNoise: LayerNoise = {
  role: "added-noise",
  strength: "stddev",
  draw: (builder, shape, deviation, source) => ({
    offset: scale(builder, normalNumbers(builder, shape, source), deviation),
  }),
};

/** GaussianDropout (Srivastava et al. 2014, section 10): m = 1 + √(rate/(1 − rate))·ε, ε ~ N(0, 1). */
const gaussianDropout: LayerNoise = {
  role: "gaussian-dropout",
  strength: "rate",
  draw(builder, shape, rate, source) {
    const noise = normalNumbers(builder, shape, source);
    const moved = scale(builder, noise, Math.sqrt(rate / (1 - rate)));
    return { factor: builder.add("Add", [moved, builder.scalar(1)]) };
  },
};

/** −λ·α of SELU: what it comes to far below zero. */
const LOWEST_SELU = -1.0507009873554805 * 1.6732632423543772;

/**
 * AlphaDropout (G. Klambauer et al., "Self-Normalizing Neural Networks", 2017): what is dropped becomes
 * α′ = −λ·α, and an affine map restores mean 0 and variance 1,
 *
 *   y = a·(k·x + (1 − k)·α′) + b,   a = ((1 − rate)·(1 + rate·α′²))^(−½),   b = −a·rate·α′,
 *
 * with k = 1 with probability 1 − rate and 0 otherwise.
 */
const alphaDropout: LayerNoise = {
  role: "alpha-dropout",
  strength: "rate",
  draw(builder, shape, rate, source) {
    const kept = asFloat(builder, randomTruths(builder, shape, 1 - rate, source));
    const a = ((1 - rate) * (1 + rate * LOWEST_SELU ** 2)) ** -0.5;
    const dropped = a * LOWEST_SELU * (1 - rate);
    const back = scale(builder, kept, -a * LOWEST_SELU);
    return {
      factor: scale(builder, kept, a),
      // a·(1 − k)·α′ + b, with what both have in common taken out.
      offset: builder.add("Add", [back, builder.scalar(dropped)]),
    };
  },
};

/** @throws InputError for a strength that no such noise has; the note may stand in any file. */
function strengthOf({ node }: TrainingForwardContext, { role, strength }: LayerNoise): number {
  const value = roleNumber(node, "strength", Number.NaN);
  const highest = strength === "rate" ? 1 : Number.MAX_VALUE;
  if (value >= 0 && value < highest) return value;
  const wanted = strength === "rate" ? "from 0 to below 1" : "from 0 on";
  throw new InputError(
    `node ${node.name}: ${role.replaceAll("-", " ")} needs a ${strength} ${wanted}, not ${value}`,
  );
}

/** The shape of what is drawn: 1 along shared axes. */
function drawnShape(context: TrainingForwardContext): readonly number[] {
  const shape = context.inputShape(0);
  const shared = roleList(context.node, "shared");
  const wrong = shared.find((axis) => shape[axis] === undefined);
  if (wrong !== undefined) {
    throw new InputError(
      `node ${context.node.name}: its noise is shared along axis ${wrong}; its input has ${shape.length} axes`,
    );
  }
  return shape.map((size, axis) => (shared.includes(axis) ? 1 : size));
}

const forwardOf =
  (noise: LayerNoise): TrainingForwardRule =>
  (context) => {
    const { builder, inputs, outputs, options } = context;
    const [[x = ""], [y = ""]] = [inputs, outputs];
    const strength = context.mode === "inference" ? 0 : strengthOf(context, noise);
    if (strength === 0) {
      addNode(builder, "Identity", [x], [y]);
      return;
    }
    const { factor, offset } = noise.draw(builder, drawnShape(context), strength, {
      seed: options.dropoutSeed(context.node),
      ...(options.step === undefined ? {} : { step: options.step }),
    });
    if (factor !== undefined) context.save("factor", factor);
    const scaled = factor === undefined || offset === undefined ? x : multiply(builder, x, factor);
    if (offset !== undefined) addNode(builder, "Add", [scaled, offset], [y]);
    else addNode(builder, "Mul", [x, factor ?? ""], [y]);
  };

const gradientOf =
  (multiplies: boolean): GradientRule =>
  (context, [gradient]) => {
    if (gradient === undefined) return [];
    const passed = context.mode === "inference" || roleNumber(context.node, "strength", 0) === 0;
    if (passed || !multiplies) return [gradient];
    return [multiply(context.builder, gradient, context.saved("factor"))];
  };

export const layerNoiseRoles: readonly RoleRule[] = [
  sharedDropout,
  addedNoise,
  gaussianDropout,
  alphaDropout,
].map((noise) => ({
  role: noise.role,
  opType: "Identity",
  trainingForward: forwardOf(noise),
  gradient: gradientOf(noise !== addedNoise),
}));
