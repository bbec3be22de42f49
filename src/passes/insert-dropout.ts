import { type GraphBuilder, makeNode } from "../graph/builder.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, type Node, standardOpset } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { float32Tensor } from "../graph/tensor.ts";
import { type Candidate, changeSites, sitesOf } from "./candidates.ts";
import { FIRST_OPSET_WITH_RATIO_INPUT, FIRST_OPSET_WITHOUT_IS_TEST, isDropout } from "./dropout.ts";
import { hiddenNonlinearities } from "./hidden-nonlinearities.ts";
import { type Pass, type PassOptions, type PassResult, siteId } from "./pass.ts";
import { nodeLabel, refuse } from "./refusal.ts";
import { requireSites } from "./sites.ts";

/**
 * Puts a Dropout behind the nonlinearity of hidden layers (Srivastava et al. 2014): while training
 * each of its elements is zeroed with probability `rate` and the others grow by 1/(1 − rate); at
 * inference nothing changes.
 *
 * The Dropout takes over the name of the value it follows, so that all who read it stay as they are.
 */
export const insertDropout: Pass = {
  id: "insert-dropout",
  title: "Insert Dropout",
  description: "Puts a Dropout behind the nonlinearity of each hidden layer.",
  options: [
    {
      name: "rate",
      kind: "number",
      description: "The probability with which an element is dropped, above 0 and below 1.",
      default: 0.5,
      minimum: 0,
      maximum: 1,
    },
    {
      name: "layers",
      kind: "text",
      description: "Other rates for some nonlinearities, as name=rate, separated by commas.",
      default: "",
    },
  ],
  data: "never",
  preserves: () => "function",
  find: (graph, options) => {
    const rateOf = rates(graph, options);
    return sitesOf(candidates(graph), (_, id) => ({
      title: `Insert a Dropout of rate ${rateOf(id)} behind ${id}`,
    }));
  },
  apply,
};

/** The value behind each nonlinearity that is dropped from. */
function candidates(graph: Graph): readonly Candidate<{ readonly value: string }>[] {
  const index = indexOf(graph);
  return hiddenNonlinearities(graph).map(({ node, output }) => {
    if (typeof output === "object") return { node, plan: output };
    if (index.isOutput(output)) {
      const reason = `The result of ${nodeLabel(node)} (${output}) is an output of the model.`;
      return { node, plan: refuse(reason) };
    }
    const dropout = index.uses(output).find((use) => isDropout(use.node));
    if (dropout === undefined) return { node, plan: { value: output } };
    return {
      node,
      plan: refuse(`${nodeLabel(dropout.node)} follows ${nodeLabel(node)} already.`),
    };
  });
}

/**
 * The rate for each site.
 *
 * @throws InputError for a rate of 0, 1 or more and for a name that is no site.
 */
function rates(graph: Graph, options: PassOptions): (id: string) => number {
  const common = requireRate("rate", Number(options.rate));
  const own = new Map<string, number>();
  const known = new Set(candidates(graph).map(({ node }) => siteId(node)));
  for (const entry of String(options.layers).split(",")) {
    const text = entry.trim();
    if (text === "") continue;
    const separator = text.lastIndexOf("=");
    const name = text.slice(0, Math.max(separator, 0)).trim();
    if (name === "") {
      throw new InputError(`insert-dropout: option layers has "${text}"; name=rate is needed`);
    }
    if (!known.has(name)) {
      const list = known.size === 0 ? "none" : [...known].slice(0, 10).join(", ");
      throw new InputError(
        `insert-dropout: option layers names ${name}, which is not one of the model's sites; there are: ${list}`,
      );
    }
    own.set(
      name,
      requireRate(`layers, ${name}`, Number(text.slice(separator + 1).trim() || "NaN")),
    );
  }
  return (id) => own.get(id) ?? common;
}

function requireRate(option: string, rate: number): number {
  // It is stored as float32, in which 0.99999999 is 1.
  const stored = Math.fround(rate);
  if (stored > 0 && stored < 1) return rate;
  throw new InputError(
    `insert-dropout: option ${option} is ${rate}; a number above 0 and below 1 is needed`,
  );
}

function apply(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
): PassResult {
  const wanted = requireSites(insertDropout, graph, sites, options);
  const rateOf = rates(graph, options);
  const found = candidates(graph).filter(({ node }) => wanted(siteId(node)));
  return changeSites(graph, found, ({ value }, builder, node) => {
    const id = siteId(node);
    const producer = indexOf(graph).producer(value) as Node;
    const input = builder.freshName(`${value}_undropped`);
    const output = producer.output.map((each) => (each === value ? input : each));
    const name = builder.freshName(`${id}_dropout`);
    const place = { input, output: value, name, rate: rateOf(id) };
    const nodes = [changeNode(producer, { output }), makeDropout(graph, builder, place)];
    return { replace: new Map([[producer, nodes]]), into: name, keeps: value };
  });
}

/** A Dropout as the graph's operator set writes it; equal rates share one initializer. */
function makeDropout(
  graph: Graph,
  builder: GraphBuilder,
  place: {
    readonly input: string;
    readonly output: string;
    readonly name: string;
    readonly rate: number;
  },
): Node {
  const { input, output, name, rate } = place;
  const opset = standardOpset(graph);
  if (opset >= FIRST_OPSET_WITH_RATIO_INPUT) {
    const ratio = builder.shared(`ratio:${rate}`, () =>
      float32Tensor(builder.freshName("dropout_ratio"), [], [rate]),
    );
    return makeNode("Dropout", [input, ratio], [output], { name });
  }
  const isTest = opset < FIRST_OPSET_WITHOUT_IS_TEST ? { is_test: { int: 1 } } : {};
  return makeNode("Dropout", [input], [output], {
    name,
    attributes: { ratio: { float: rate }, ...isTest },
  });
}
