import { type GraphBuilder, makeNode } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { changeNode } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { withRole } from "../graph/node-role.ts";
import { elementCount, float32Tensor, memoryTensor } from "../graph/tensor.ts";
import { LARGEST_LOG_ALPHA } from "../operators/variational-dropout.ts";
import { changeSites, sitesOf } from "./candidates.ts";
import { noiseCandidates } from "./noise-places.ts";
import { type Pass, type PassOptions, type PassResult, siteId } from "./pass.ts";
import { requireSites } from "./sites.ts";

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
  find: (graph, options) =>
    sitesOf(candidates(graph, options), ({ kind }, id) => ({
      title: `Insert variational Dropout ${kind === "unit" ? "behind" : "on the weight of"} ${id}`,
    })),
  apply,
};

function candidates(graph: Graph, { grain }: PassOptions) {
  return noiseCandidates(graph, grain === "weight" ? "weight" : "unit");
}

function apply(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
): PassResult {
  const wanted = requireSites(insertVariationalDropout, graph, sites, options);
  const found = candidates(graph, options).filter(({ node }) => wanted(siteId(node)));
  return changeSites(graph, found, ({ kind, value, dims }, builder, node) => {
    const id = siteId(node);
    const strength = new Strength(builder, id, dims, Number(options.logAlpha));
    const { old, nodes, into } =
      kind === "unit"
        ? noisyUnits(graph, builder, id, value, strength)
        : noisyWeight(builder, node, id, value, strength);
    const keeps = kind === "unit" ? value : node.output[0];
    return { replace: new Map([[old, nodes]]), into, keeps: keeps ?? "" };
  });
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
