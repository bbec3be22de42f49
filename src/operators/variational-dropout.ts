import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { nodeRole } from "../graph/node-role.ts";
import { addNode, multiply } from "./emit.ts";
import type { GradientRule, TrainingForwardRule } from "./operator.ts";
import { normalNumbers } from "./random-numbers.ts";
import type { RoleRule } from "./role-rules.ts";

/*
 * Variational dropout (Kingma, Salimans and Welling, "Variational Dropout and the Local
 * Reparameterization Trick", 2015): noise ε ~ N(0, 1) on what a layer reads, of a strength α that is
 * learned,
 *
 *   units:    x·(1 + √α·ε)
 *   weights:  W·(1 + √α·ε), drawn for each result instead: y ~ N(x·W, x²·(α·W²))
 *
 * In a file both are nodes that pass x or W on, so that inference is the network of the means:
 *
 *   units:    Dropout(x, ratio) with log α → Clip → Sigmoid → ReduceMean → ratio
 *   weights:  Where(true, W, clipped) with log α → Clip → clipped
 *
 * The ratio is the mean of p = σ(log α), the rate of a binary dropout with the same variance,
 * α = p/(1 − p). On a stored value such a Dropout does not load: ONNX Runtime 1.30 takes it out and
 * puts the ratio in the place of the value.
 *
 * Training turns it into a node that adds noise of a computed deviation (see
 * training/variational-form.ts), whose rule is here.
 */

/** log α is kept within, as in Molchanov et al. 2017: σ(log α) rounds to 1 beyond 17. */
export const LARGEST_LOG_ALPHA = 8;

/** The learned strength behind a variational Dropout. */
export interface NoiseStrength {
  readonly grain: "unit" | "weight";
  /** What the noise is on. */
  readonly value: string;
  /** The initializer of log α. */
  readonly logAlpha: string;
  /** The value of it within bounds. */
  readonly clipped: string;
  /** The nodes between log α and the node. */
  readonly nodes: readonly Node[];
}

/** How each grain is written: the inputs of value and strength, and the operators before the latter. */
const FORMS = {
  Dropout: { grain: "unit", value: 0, strength: 1, chain: ["ReduceMean", "Sigmoid", "Clip"] },
  Where: { grain: "weight", value: 1, strength: 2, chain: ["Clip"] },
} as const;

/** Undefined for a node that has no learned noise, or one that another tool rewrote. */
export function noiseStrength(graph: Graph, node: Node): NoiseStrength | undefined {
  if (nodeRole(node) !== "variational-dropout" || !isStandardDomain(node.domain)) return undefined;
  if (node.opType !== "Dropout" && node.opType !== "Where") return undefined;
  const { grain, value, strength, chain } = FORMS[node.opType];
  const nodes: Node[] = [];
  let name = node.input[strength] ?? "";
  for (const opType of chain) {
    const producer = indexOf(graph).producer(name);
    if (producer?.opType !== opType || !isStandardDomain(producer.domain)) return undefined;
    nodes.unshift(producer);
    name = producer.input[0] ?? "";
  }
  const stored = grain === "unit" || graph.initializers.has(node.input[value] ?? "");
  if (!graph.initializers.has(name) || !stored) return undefined;
  const clipped = nodes[0]?.output[0] ?? "";
  return { grain, value: node.input[value] ?? "", logAlpha: name, clipped, nodes };
}

const [MEAN, DEVIATION] = [0, 1] as const;

/** y = mean + deviation·ε, with ε drawn anew at every step. */
const forward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs, options } = context;
  const [mean = "", deviation = ""] = inputs;
  if (context.mode === "inference") {
    addNode(builder, "Identity", [mean], [outputs[0] ?? ""]);
    return;
  }
  if (deviation === "") {
    throw new InputError(`node ${context.node.name}: noise needs its deviation as second input`);
  }
  const noise = normalNumbers(builder, context.inputShape(MEAN), {
    seed: options.dropoutSeed(context.node),
    ...(options.step === undefined ? {} : { step: options.step }),
  });
  context.save("noise", noise);
  addNode(builder, "Add", [mean, multiply(builder, deviation, noise)], [outputs[0] ?? ""]);
};

/** ∂L/∂mean = g, ∂L/∂deviation = g·ε. */
const gradient: GradientRule = (context, [outputGradient]) => {
  if (outputGradient === undefined) return [];
  if (context.mode === "inference") return [outputGradient];
  return [
    context.needs(MEAN) ? outputGradient : undefined,
    context.needs(DEVIATION)
      ? multiply(context.builder, outputGradient, context.saved("noise"))
      : undefined,
  ];
};

/** The node of a training step that adds noise: inputs mean and deviation, of the same shape. */
export const gaussianNoise: RoleRule = {
  role: "gaussian-noise",
  opType: "Dropout",
  trainingForward: forward,
  gradient,
};
