import type { TrainingConfig } from "../protocol/training.ts";
import { isLayerWeight, type Parameter, type ParameterRole } from "./parameters.ts";

type Decayed = TrainingConfig["decayedParameters"];

/**
 * What the decoupled weight decay of AdamW and LAMB shrinks, by parameter name. By default weights
 * alone: to shrink a bias or a normalization's scale and shift moves the function without making it
 * smoother. Behind weight normalization w = g·v/‖v‖ that is g, since w is as long as g whatever the
 * length of v. The strength of variational dropout's noise is never decayed: it has its own penalty.
 */
export function decayedParameters(
  parameters: readonly Parameter[],
  decayed: Decayed,
): ReadonlySet<string> {
  const weights: readonly ParameterRole[] = ["weight", "magnitude"];
  const chosen = parameters.filter(({ role }) =>
    decayed === "all" ? role !== "noise" : weights.includes(role),
  );
  return new Set(chosen.map(({ name }) => name));
}

/**
 * The values under the L1 and L2 penalties: weights as their layers read them, so that behind weight
 * normalization the penalty is of w; with "all" every other parameter as well.
 */
export function penalizedValues(
  parameters: readonly Parameter[],
  decayed: Decayed,
): ReadonlySet<string> {
  const values = parameters.flatMap((parameter) => {
    const { name, role, node, input } = parameter;
    if (isLayerWeight(parameter)) return [node.input[input] ?? ""];
    return decayed === "all" && role !== "noise" && role !== "magnitude" ? [name] : [];
  });
  return new Set(values);
}
