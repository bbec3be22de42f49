import { floatAttribute } from "../graph/attributes.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type Candidate, sitesOf } from "./candidates.ts";
import { normalizableWeight } from "./normalizable-weight.ts";
import { type Pass, type PassResult, siteId } from "./pass.ts";
import { isRefusal, nodeLabel } from "./refusal.ts";
import type { SampleRuns } from "./sample-runs.ts";
import { requireSites } from "./sites.ts";
import { type LayerInGraph, standardizeLayers } from "./standardize-layers.ts";
import type { UnitWeight } from "./unit-weight.ts";
import { weightNorms, writeWeightNorm } from "./weight-norm-form.ts";

/**
 * Weight normalization, w = g·v/‖v‖ for each output unit: training then moves the length g and the
 * direction v/‖v‖ of a unit's weights apart from each other (T. Salimans and D. Kingma, "Weight
 * Normalization", 2016). Written as plain operators on the tensors g and v, which every runtime
 * computes once.
 *
 * "keep" starts with v = w and g = ‖w‖, the same function. "data-dependent" is the paper's start
 * (section 3): on the given data, g and the bias of each layer are set so that each of its
 * pre-activations has mean 0 and variance 1.
 */
export const applyWeightNorm: Pass = {
  id: "apply-weight-norm",
  title: "Apply weight normalization",
  description: "Writes the weights of each layer as g·v/‖v‖ per output unit.",
  options: [
    {
      name: "start",
      description:
        "keep the function, or set g and the biases so that pre-activations have mean 0 and variance 1 on the data",
      kind: "choice",
      default: "keep",
      choices: ["keep", "data-dependent"],
    },
  ],
  data: { option: "start", values: ["data-dependent"] },
  preserves: ({ start }) => (start === "data-dependent" ? "nothing" : "function"),
  find: (graph) =>
    sitesOf(candidates(graph), (_, id) => ({ title: `Normalize the weights of ${id}` })),
  apply: (graph, sites) => normalized(graph, chosen(graph, sites)),
  applyOnData: (graph, sites, options, samples) => {
    const choice = chosen(graph, sites);
    return options.start === "data-dependent"
      ? dataDependent(graph, choice, samples)
      : Promise.resolve(normalized(graph, choice));
  },
};

function candidates(graph: Graph): readonly Candidate<UnitWeight>[] {
  return graph.nodes.flatMap((node) => {
    const weight = normalizableWeight(graph, node);
    return weight === undefined ? [] : [{ node, plan: weight }];
  });
}

interface Chosen {
  readonly wanted: readonly UnitWeight[];
  readonly skipped: PassResult["skipped"];
}

function chosen(graph: Graph, sites: readonly string[] | undefined): Chosen {
  const isWanted = requireSites(applyWeightNorm, graph, sites);
  const wanted: UnitWeight[] = [];
  const skipped: { node: string; reason: string }[] = [];
  for (const { node, plan } of candidates(graph)) {
    if (!isWanted(siteId(node))) continue;
    if (isRefusal(plan)) skipped.push({ node: siteId(node), reason: plan.reason });
    else wanted.push(plan);
  }
  return { wanted, skipped };
}

/** @throws InputError naming layer and unit where the weights of a unit have no direction. */
function normsOf({ node, tensor, units }: UnitWeight): Float64Array {
  const norms = weightNorms(nodeLabel(node), tensor, units);
  if (typeof norms === "string") throw new InputError(norms);
  return norms;
}

/** Layers that share a weight and its units share g and v as well. */
function normalized(graph: Graph, { wanted, skipped }: Chosen): PassResult {
  const names = new GraphBuilder(takenNames(graph));
  const replace = new Map<Node, readonly Node[]>();
  const initializers: Tensor[] = [];
  const written = new Map<string, string>();
  for (const weight of wanted) {
    const { node, value, input, units } = weight;
    const key = JSON.stringify([value, units]);
    let output = written.get(key);
    let before: readonly Node[] = [];
    if (output === undefined) {
      const form = writeWeightNorm(graph, { ...weight, norms: normsOf(weight) }, value, names);
      initializers.push(...form.initializers);
      before = form.nodes;
      output = form.output;
      written.set(key, output);
    }
    const inputs = node.input.map((each, position) => (position === input ? output : each));
    replace.set(node, [...before, changeNode(node, { input: inputs })]);
  }
  const nodes = wanted.map(({ node }) => node);
  return {
    graph: changeGraph(graph, { replace, initializers }),
    applied: nodes.map((node) => ({ node: siteId(node), into: siteId(node) })),
    skipped,
    siteOutputs: nodes.map((node) => {
      const value = node.output[0] ?? "";
      return { site: siteId(node), before: value, after: value };
    }),
  };
}

/**
 * The layers are standardized on the data as they are (standardize-layers.ts), which divides
 * weights by σ[t]. Written as g·v/‖v‖ with g = ‖w/σ[t]‖ and v = w this is the paper's start, which
 * sets g and b and leaves v alone.
 */
async function dataDependent(
  graph: Graph,
  { wanted, skipped }: Chosen,
  samples: SampleRuns,
): Promise<PassResult> {
  if (wanted.length === 0) return normalized(graph, { wanted, skipped });
  // Refused before anything is measured.
  for (const weight of wanted) normsOf(weight);
  const nodes = wanted.map(({ node }) => node);
  const originals = new Map(wanted.map((weight) => [weight.node, weight]));
  const {
    graph: changed,
    table,
    worst,
  } = await standardizeLayers(graph, nodes, samples, (layer, original) =>
    writtenLayer(layer, originals.get(original) as UnitWeight),
  );
  return {
    graph: changed,
    applied: nodes.map((node) => ({ node: siteId(node), into: siteId(node) })),
    skipped,
    siteOutputs: [],
    statement: `g and the biases of ${nodes.length} layers were set so that every pre-activation has mean 0 and variance 1 on ${samples.name} (${samples.count} samples), within ${worst.toPrecision(2)}; the function is another one.`,
    tables: [table],
  };
}

/** A standardized layer as g·v/‖v‖ with v as it was before. */
function writtenLayer({ graph, node }: LayerInGraph, { node: original, tensor }: UnitWeight) {
  const weight = normalizableWeight(graph, node);
  if (weight === undefined || isRefusal(weight)) {
    throw new InputError(
      weight?.reason.replace(/\.$/, "") ?? `${nodeLabel(node)}: is no linear layer`,
    );
  }
  const written = normalized(graph, { wanted: [weight], skipped: [] }).graph;
  // A negative alpha of a Gemm was multiplied into its weights and turned them round.
  if (floatAttribute(original, "alpha", 1) < 0) return written;
  return changeGraph(written, { initializers: [{ ...tensor, name: weight.value }] });
}
