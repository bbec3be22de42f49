import { floatAttribute, intAttribute } from "../graph/attributes.ts";
import { fedValues } from "../graph/fed-values.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { nodeRole } from "../graph/node-role.ts";
import { channelShift } from "../passes/pre-activation.ts";
import { nodeLabel, type Refusal, refuse } from "../passes/refusal.ts";
import { valueTypes } from "../passes/value-types.ts";

/** The normalizations that take the scale of a layer's weight away. */
export interface Freedom {
  readonly normalizations: readonly Node[];
}

/** They subtract the mean of each channel, and with it whatever was added to the channel. */
const PER_CHANNEL: ReadonlySet<string> = new Set(["BatchNormalization", "InstanceNormalization"]);

/** They divide by a scale of several channels, which numbers added to each channel would change. */
const ACROSS_CHANNELS: ReadonlySet<string> = new Set([
  ..."LayerNormalization GroupNormalization RMSNormalization LpNormalization".split(" "),
]);

/** f(a·t) = a·f(t) for a > 0. */
const HOMOGENEOUS: ReadonlySet<string> = new Set([
  ..."Relu LeakyRelu PRelu Abs Neg Dropout".split(" "),
  ..."MaxPool AveragePool GlobalAveragePool GlobalMaxPool ReduceMean ReduceSum".split(" "),
  ..."Reshape Flatten Squeeze Unsqueeze Transpose Slice".split(" "),
]);

/** Those that keep channels apart. */
const CHANNELWISE: ReadonlySet<string> = new Set([
  ..."Relu LeakyRelu Abs Neg MaxPool AveragePool GlobalAveragePool GlobalMaxPool".split(" "),
]);

/** They leave every number, one added to a channel included, where it is. */
const UNCHANGED: ReadonlySet<string> = new Set(["Identity", "Cast"]);

const LAYERS: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

const CHANNEL_AXIS = 1;

/** Nodes that are followed behind one layer, so that all layers together take linear time. */
const MOST_NODES = 64;

/** A value that is a·t, or a·t + c with one constant c a channel. */
interface Scaled {
  readonly value: string;
  readonly shiftedBy: Node | undefined;
  /** The Concat that put channels beside it that are not scaled. */
  readonly beside: Node | undefined;
}

/**
 * Whether the function stays when the layer's weight W becomes a·W, a > 0: every way from its
 * result leads to a normalization,
 *
 *   BN((a·W)·u) = BN(W·u),
 *
 * through nothing but positively homogeneous functions. A bias is no hindrance right before a
 * BatchNorm, whose batch mean contains it. Up to the normalization's ε, and for running statistics
 * once they have followed the weight.
 *
 * Source: Ioffe and Szegedy, "Batch Normalization", 2015, section 3.3.
 */
export function scaleFreedom(graph: Graph, layer: Node): Freedom | Refusal {
  const index = indexOf(graph);
  const normalizations = new Set<Node>();
  const open: Scaled[] = [
    { value: layer.output[0] ?? "", shiftedBy: biasOf(layer), beside: undefined },
  ];
  const seen = new Set(open.map(({ value }) => value));
  for (let next = open.shift(), nodes = 0; next !== undefined; next = open.shift()) {
    const { value } = next;
    if (index.isOutput(value)) return refuse(`${value} is an output of the model.`);
    if (index.readByBody(value)) return refuse(`A subgraph reads ${value}.`);
    for (const { node, input } of index.uses(value)) {
      if (++nodes > MOST_NODES) return refuse("More nodes follow than are looked at.");
      const effect = effectOf(graph, node, input, next);
      if (effect === "normalized") normalizations.add(node);
      else if ("reason" in effect) return effect;
      else if (!seen.has(effect.value)) open.push(effect);
      seen.add(node.output[0] ?? "");
    }
  }
  return normalizations.size === 0
    ? refuse(`Nobody reads the result of ${nodeLabel(layer)}.`)
    : { normalizations: [...normalizations] };
}

function effectOf(
  graph: Graph,
  node: Node,
  input: number,
  scaled: Scaled,
): "normalized" | Scaled | Refusal {
  const { value, shiftedBy, beside } = scaled;
  const [output = ""] = node.output;
  const broken = refuse(`${nodeLabel(node)} reads ${value} and does not pass a scale on.`);
  if (!isStandardDomain(node.domain)) return broken;
  const shifted = (): Refusal =>
    refuse(`${nodeLabel(shiftedBy ?? node)} adds a bias, and ${nodeLabel(node)} follows it.`);
  if (PER_CHANNEL.has(node.opType)) return input === 0 ? "normalized" : broken;
  if (nodeRole(node) === "mean-only-batch-norm" && input === 0) {
    return { value: output, shiftedBy: undefined, beside };
  }
  if (UNCHANGED.has(node.opType)) return { ...scaled, value: output };
  if (node.opType === "Concat" && intAttribute(node, "axis", 1) === CHANNEL_AXIS) {
    return { value: output, shiftedBy, beside: node };
  }
  if (node.opType === "Add" || node.opType === "Sub") {
    return addsPerChannel(graph, node, value) ? { value: output, shiftedBy: node, beside } : broken;
  }
  const known = node.input.every((each) => each === value || !fedValues(graph).has(each));
  const across = ACROSS_CHANNELS.has(node.opType);
  const product = node.opType === "Mul" || (node.opType === "Div" && input === 0);
  const layer = LAYERS.has(node.opType) && input === 0;
  const passes = across || product || layer || HOMOGENEOUS.has(node.opType);
  const once = node.input.filter((each) => each === value).length === 1;
  if (!passes || !known || !once || (input !== 0 && !product)) return broken;
  if (shiftedBy !== undefined) return shifted();
  if (beside !== undefined && !CHANNELWISE.has(node.opType)) {
    return refuse(
      `${nodeLabel(beside)} puts other channels beside, and ${nodeLabel(node)} reads all together.`,
    );
  }
  if (across) return "normalized";
  return { value: output, shiftedBy: layer ? biasOf(node) : undefined, beside };
}

/** Whether it adds one constant to each channel; every other sum, a residual connection's, mixes. */
function addsPerChannel(graph: Graph, node: Node, value: string): boolean {
  const channels = valueTypes(graph).get(value)?.shape[CHANNEL_AXIS];
  return typeof channels === "number" && channelShift(graph, node, value, channels) !== undefined;
}

function biasOf(layer: Node): Node | undefined {
  const biased = layer.opType !== "MatMul" && (layer.input[2] ?? "") !== "";
  const used = layer.opType !== "Gemm" || floatAttribute(layer, "beta", 1) !== 0;
  return biased && used ? layer : undefined;
}
