import { type Dimension, GraphBuilder, makeNode } from "../graph/builder.ts";
import { isOverridable } from "../graph/constants.ts";
import { DataType, dataTypeName } from "../graph/data-type.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import { type Graph, isStandardDomain, type Node, standardOpset } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { withRole } from "../graph/node-role.ts";
import { elementCount, float32Tensor, memoryTensor } from "../graph/tensor.ts";
import { LARGEST_LOG_ALPHA, noiseStrength } from "../operators/variational-dropout.ts";
import { FIRST_OPSET_WITH_RATIO_INPUT, isDropout } from "./dropout.ts";
import { hiddenNonlinearities } from "./hidden-nonlinearities.ts";
import { type Pass, type PassOptions, type PassResult, type Site, siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { requireSites } from "./sites.ts";
import { valueTypes } from "./value-types.ts";

/**
 * Puts noise of a learned strength α on the units of hidden layers, x·(1 + √α·ε), or on each weight,
 * W·(1 + √α·ε) (Kingma, Salimans and Welling 2015; Molchanov, Ashukha and Vetrov 2017). The file gets
 * a node that passes x or W on and reads log α (see operators/variational-dropout.ts); training adds
 * the noise and learns log α.
 */
export const insertVariationalDropout: Pass = {
  id: "insert-variational-dropout",
  title: "Insert variational Dropout",
  description: "Puts noise of a strength that training learns on hidden units or on weights.",
  options: [
    {
      name: "grain",
      kind: "choice",
      description: "One strength for each unit of hidden layers, or for each weight.",
      default: "unit",
      choices: ["unit", "weight"],
    },
    {
      name: "logAlpha",
      kind: "number",
      description: "log α at the start; −3 is the noise of a dropout of rate 0.05.",
      default: -3,
      minimum: 1 - LARGEST_LOG_ALPHA,
      maximum: LARGEST_LOG_ALPHA - 1,
    },
  ],
  data: "never",
  preserves: () => "function",
  find: (graph, options) => candidates(graph, options).map(({ node, place }) => site(node, place)),
  apply,
};

/** A value to put noise on. */
interface Place {
  readonly kind: "unit" | "weight";
  readonly value: string;
  /** Shape of log α, which lines up with the value's last axes. */
  readonly dims: readonly number[];
}

interface Candidate {
  readonly node: Node;
  readonly place: Place | Refusal;
}

function candidates(graph: Graph, options: PassOptions): readonly Candidate[] {
  const found =
    options.grain === "weight"
      ? weightLayers(graph).map(({ node, input }) => ({
          node,
          place: weightPlace(graph, node, input),
        }))
      : hiddenNonlinearities(graph).map(({ node, output }) => ({
          node,
          place: typeof output === "object" ? output : unitPlace(graph, node, output),
        }));
  if (standardOpset(graph) >= FIRST_OPSET_WITH_RATIO_INPUT) return found;
  const reason = `The model's operator set is ${standardOpset(graph)}; a Dropout has a computed ratio from ${FIRST_OPSET_WITH_RATIO_INPUT} on.`;
  return found.map(({ node }) => ({ node, place: refuse(reason) }));
}

function site(node: Node, place: Place | Refusal): Site {
  const id = siteId(node);
  if (isRefusal(place)) return { node, id, applicable: false, reason: place.reason };
  const what = place.kind === "unit" ? "behind" : "on the weight of";
  return {
    node,
    id,
    applicable: true,
    into: id,
    title: `Insert variational Dropout ${what} ${id}`,
  };
}

const WEIGHT_INPUTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1],
  ConvTranspose: [1],
  Gemm: [1],
  MatMul: [1, 0],
};

/** Linear layers, and the input that is stored. */
function weightLayers(graph: Graph): { node: Node; input: number }[] {
  return graph.nodes.filter(isLayer).map((node) => {
    const positions = WEIGHT_INPUTS[node.opType] ?? [];
    const stored = positions.find((input) => graph.initializers.has(node.input[input] ?? ""));
    return { node, input: stored ?? 1 };
  });
}

function isLayer(node: Node): boolean {
  return isStandardDomain(node.domain) && node.opType in WEIGHT_INPUTS;
}

function weightPlace(graph: Graph, node: Node, input: number): Place | Refusal {
  const value = node.input[input] ?? "";
  const tensor = graph.initializers.get(value);
  const producer = indexOf(graph).producer(value);
  if (producer !== undefined && noiseStrength(graph, producer) !== undefined) {
    return refuse(`${nodeLabel(producer)} stands on the weight of ${nodeLabel(node)} already.`);
  }
  if (tensor === undefined || isOverridable(graph, value)) {
    return refuse(`The weight of ${nodeLabel(node)} (${value}) is not stored as it is read.`);
  }
  const uses = indexOf(graph).uses(value);
  const others = uses.find((use) => use.node !== node)?.node;
  if (others !== undefined) {
    return refuse(`${nodeLabel(others)} reads the weight ${value} of ${nodeLabel(node)} too.`);
  }
  return float32Place({ kind: "weight", value, dims: tensor.dims }, tensor.dataType);
}

function unitPlace(graph: Graph, node: Node, value: string): Place | Refusal {
  const index = indexOf(graph);
  if (index.isOutput(value)) {
    return refuse(`The result of ${nodeLabel(node)} (${value}) is an output of the model.`);
  }
  const dropout = index.uses(value).find((use) => isDropout(use.node));
  if (dropout !== undefined) {
    return refuse(`${nodeLabel(dropout.node)} follows ${nodeLabel(node)} already.`);
  }
  const type = valueTypes(graph).get(value);
  const axis = type === undefined ? undefined : unitAxis(graph, node, type.shape);
  const units = type?.shape[axis ?? 0];
  if (type === undefined || axis === undefined || typeof units !== "number") {
    return refuse(
      `The axis of the units of ${value}, which ${nodeLabel(node)} makes, is not known.`,
    );
  }
  const dims = [units, ...type.shape.slice(axis + 1).map(() => 1)];
  return float32Place({ kind: "unit", value, dims }, type.dataType);
}

function float32Place(place: Place, dataType: DataType): Place | Refusal {
  return dataType === DataType.FLOAT
    ? place
    : refuse(`${place.value} is ${dataTypeName(dataType)}, and training needs float32.`);
}

/** Nodes between a layer and its nonlinearity that are looked at. */
const LONGEST_WAY = 16;

/** Channels of a convolution are axis 1, features of a matrix product the last axis. */
function unitAxis(graph: Graph, node: Node, shape: readonly Dimension[]): number | undefined {
  if (shape.length === 2) return 1;
  let value = node.input[0] ?? "";
  for (let step = 0; step < LONGEST_WAY; step++) {
    const producer = indexOf(graph).producer(value);
    if (producer === undefined) return undefined;
    if (producer.opType.startsWith("Conv")) return shape.length > 2 ? 1 : undefined;
    if (isLayer(producer)) return shape.length - 1;
    const inputs = producer.input.filter((input) => indexOf(graph).producer(input) !== undefined);
    value = inputs[0] ?? "";
  }
  return undefined;
}

function apply(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
): PassResult {
  const wanted = requireSites(insertVariationalDropout, graph, sites, options);
  const builder = new GraphBuilder(takenNames(graph));
  const replace = new Map<Node, readonly Node[]>();
  const applied: { node: string; into: string }[] = [];
  const skipped: { node: string; reason: string }[] = [];
  const siteOutputs: PassResult["siteOutputs"][number][] = [];
  for (const { node, place } of candidates(graph, options)) {
    const id = siteId(node);
    if (!wanted(id)) continue;
    if (isRefusal(place)) {
      skipped.push({ node: id, reason: place.reason });
      continue;
    }
    const strength = new Strength(builder, id, place.dims, Number(options.logAlpha));
    const changed =
      place.kind === "unit"
        ? noisyUnits(graph, builder, id, place.value, strength)
        : noisyWeight(builder, node, id, place.value, strength);
    replace.set(changed.old, changed.nodes);
    applied.push({ node: id, into: changed.into });
    const output = place.kind === "unit" ? place.value : (node.output[0] ?? "");
    siteOutputs.push({ site: id, before: output, after: output });
  }
  const initializers = [...builder.initializers.values()];
  return { graph: changeGraph(graph, { replace, initializers }), applied, skipped, siteOutputs };
}

/** log α and the nodes that follow from it. */
class Strength {
  readonly nodes: Node[] = [];
  /** log α within its bounds. */
  readonly clipped: string;
  readonly #builder: GraphBuilder;
  readonly #id: string;

  constructor(builder: GraphBuilder, id: string, dims: readonly number[], start: number) {
    this.#builder = builder;
    this.#id = id;
    const values = new Float32Array(elementCount(dims)).fill(start);
    const name = builder.freshName(`${id}_log_alpha`);
    const logAlpha = builder.addInitializer(float32Tensor(name, dims, values));
    const bounds = [-LARGEST_LOG_ALPHA, LARGEST_LOG_ALPHA].map((bound) => builder.scalar(bound));
    this.clipped = this.#add("Clip", [logAlpha, ...bounds], "log_alpha_clipped");
  }

  /** mean(σ(log α)): the rate of a binary dropout of the same variance, α = p/(1 − p). */
  addRatio(): string {
    const rates = this.#add("Sigmoid", [this.clipped], "rates");
    return this.#add("ReduceMean", [rates], "ratio", { keepdims: { int: 0 } });
  }

  #add(opType: string, inputs: readonly string[], stem: string, attributes = {}): string {
    const output = this.#builder.freshName(`${this.#id}_${stem}`);
    this.nodes.push(makeNode(opType, inputs, [output], { name: output, attributes }));
    return output;
  }
}

/** The Dropout takes over the name of the value, so that all who read it stay as they are. */
function noisyUnits(
  graph: Graph,
  builder: GraphBuilder,
  id: string,
  value: string,
  strength: Strength,
) {
  const producer = indexOf(graph).producer(value) as Node;
  const quiet = builder.freshName(`${value}_quiet`);
  const output = producer.output.map((each) => (each === value ? quiet : each));
  const inputs = [quiet, strength.addRatio()];
  const dropout = variational(builder, id, "Dropout", inputs, value);
  const nodes = [changeNode(producer, { output }), ...strength.nodes, dropout];
  return { old: producer, nodes, into: dropout.name };
}

function noisyWeight(
  builder: GraphBuilder,
  layer: Node,
  id: string,
  weight: string,
  strength: Strength,
) {
  const noisy = builder.freshName(`${weight}_noisy`);
  const input = layer.input.map((each) => (each === weight ? noisy : each));
  const always = builder.shared("true", (name) =>
    memoryTensor(name, [], DataType.BOOL, Uint8Array.of(1)),
  );
  const inputs = [always, weight, strength.clipped];
  const where = variational(builder, id, "Where", inputs, noisy);
  const nodes = [...strength.nodes, where, changeNode(layer, { input })];
  return { old: layer, nodes, into: where.name };
}

function variational(
  builder: GraphBuilder,
  id: string,
  opType: string,
  inputs: readonly string[],
  output: string,
): Node {
  const name = builder.freshName(`${id}_variational_dropout`);
  return withRole(makeNode(opType, inputs, [output], { name }), "variational-dropout");
}
