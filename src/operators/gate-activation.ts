import { findAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Node } from "../graph/graph.ts";
import { asFloat, scale } from "./emit.ts";
import { logisticSlope } from "./recurrent-direction.ts";

/** The function f of the gates of an LSTM or GRU, or of a simple network, by names of values. */
export interface GateActivation {
  /** f(z). */
  value(builder: GraphBuilder, z: string): string;
  /** f′(z) by y = f(z). */
  slope(builder: GraphBuilder, y: string): string;
}

const logistic: GateActivation = {
  value: (builder, z) => builder.add("Sigmoid", [z]),
  slope: logisticSlope,
};

/** f(z) = max(0, min(1, α·z + β)), f′ = α where 0 < y < 1 and 0 elsewhere. */
function hardSigmoid(alpha: number, beta: number): GateActivation {
  const attributes = { alpha: { float: alpha }, beta: { float: beta } };
  return {
    value: (builder, z) => builder.add("HardSigmoid", [z], { attributes }),
    slope: (builder, y) => {
      const above = builder.add("Greater", [y, builder.scalar(0)]);
      const below = builder.add("Less", [y, builder.scalar(1)]);
      return scale(builder, asFloat(builder, builder.add("And", [above, below])), alpha);
    },
  };
}

/** What ONNX Runtime takes where the node does not state them; ONNX leaves it open. */
const HARD_SIGMOID = { alpha: 0.2, beta: 0.5 };

/**
 * The function of the gates of one direction. Of the activations that have a gradient HardSigmoid
 * alone has an α and a β, so that the lists have one for each direction.
 *
 * @param activation the first one that the node states; undefined for none.
 */
export function gateActivation(
  node: Node,
  activation: string | undefined,
  direction: number,
): GateActivation {
  if (activation !== "HardSigmoid") return logistic;
  const alpha = findAttribute(node, "activation_alpha")?.floats[direction] ?? HARD_SIGMOID.alpha;
  const beta = findAttribute(node, "activation_beta")?.floats[direction] ?? HARD_SIGMOID.beta;
  return hardSigmoid(alpha, beta);
}
