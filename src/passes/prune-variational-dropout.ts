import { GraphBuilder, makeNode } from "../graph/builder.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { readFloat64, roundedTensor } from "../graph/numbers.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type NoiseStrength, noiseStrength } from "../operators/variational-dropout.ts";
import { foldForward } from "./fold-forward.ts";
import { type Pass, type PassOptions, type PassResult, type Site, siteId } from "./pass.ts";
import { requireSites } from "./sites.ts";
import { without } from "./strip-dropout.ts";
import { rankOf } from "./value-types.ts";

/**
 * Ends variational dropout (Molchanov, Ashukha and Vetrov 2017, section 4.3): what has log α above a
 * threshold is noise and little else, and is set to zero; what stood for the noise goes. A weight is
 * zeroed where it is stored. A unit is zeroed in the weights of the layers that read it, or by a
 * product with a mask where something else reads it first.
 */
export const pruneVariationalDropout: Pass = {
  id: "prune-variational-dropout",
  title: "Prune by variational Dropout",
  description: "Sets units and weights that have become noise to zero and removes the noise.",
  options: [
    {
      name: "threshold",
      kind: "number",
      description: "log α above which a unit or weight is zeroed; 3 is a dropout rate of 0.95.",
      default: 3,
    },
  ],
  data: "never",
  preserves: () => "nothing",
  find: (graph) => variationalNodes(graph).map(({ node }) => site(node)),
  apply,
};

interface Variational {
  readonly node: Node;
  readonly strength: NoiseStrength;
}

function variationalNodes(graph: Graph): readonly Variational[] {
  return graph.nodes.flatMap((node) => {
    const strength = noiseStrength(graph, node);
    return strength === undefined ? [] : [{ node, strength }];
  });
}

function site(node: Node): Site {
  const id = siteId(node);
  return { node, id, applicable: true, into: id, title: `Prune by ${id}` };
}

function apply(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
): PassResult {
  const wanted = requireSites(pruneVariationalDropout, graph, sites);
  const threshold = Number(options.threshold);
  const applied: { node: string; into: string }[] = [];
  const rows: (string | number)[][] = [];
  const sums = { unit: { pruned: 0, all: 0 }, weight: { pruned: 0, all: 0 } };
  let current = graph;
  // One after the other, weights first: a layer takes units up when its weight is stored again.
  const of = (grain: NoiseStrength["grain"]) =>
    variationalNodes(graph).filter(({ strength }) => strength.grain === grain);
  const inOrder = [...of("weight"), ...of("unit")].map(({ node }) => siteId(node));
  for (const id of inOrder.filter(wanted)) {
    const found = variationalNodes(current).find(({ node }) => siteId(node) === id);
    if (found === undefined) continue;
    const kept = keptElements(current, found.strength, threshold);
    const kind = found.strength.grain;
    const pruned = kept.filter((each) => each === 0).length;
    sums[kind].pruned += pruned;
    sums[kind].all += kept.length;
    rows.push([id, `${kind}s`, kept.length, pruned, kept.length - pruned, pruned / kept.length]);
    applied.push({ node: id, into: id });
    current =
      kind === "weight" ? prunedWeight(current, found, kept) : prunedUnits(current, found, kept);
  }
  if (applied.length === 0) return { graph, applied, skipped: [], siteOutputs: [] };
  const columns = ["noise", "on", "all", "pruned", "kept", "share pruned"];
  return {
    graph: current,
    applied,
    skipped: [],
    siteOutputs: [],
    statement: statement(sums, threshold),
    tables: [{ title: "Pruned", columns, rows }],
  };
}

/** 1 for what stays, 0 for what is pruned; NaN, of a run that diverged, prunes nothing. */
function keptElements(graph: Graph, { logAlpha }: NoiseStrength, threshold: number): Float64Array {
  const values = readFloat64(graph.initializers.get(logAlpha) as Tensor);
  return values.map((value) => (value > threshold ? 0 : 1));
}

/** The stored weight with zeros, read as it is. */
function prunedWeight(graph: Graph, { node, strength }: Variational, kept: Float64Array): Graph {
  const weight = strength.value;
  const [noisy = ""] = node.output;
  const tensor = graph.initializers.get(weight) as Tensor;
  const values = readFloat64(tensor).map((value, at) => (kept[at] === 0 ? 0 : value));
  const { name, dims, dataType } = tensor;
  const zeroed = kept.includes(0) ? [roundedTensor(name, dims, dataType, values)] : [];
  const replace = new Map<Node, readonly Node[]>(
    [node, ...strength.nodes].map((each) => [each, []]),
  );
  for (const { node: layer } of indexOf(graph).uses(noisy)) {
    const input = layer.input.map((value) => (value === noisy ? weight : value));
    replace.set(layer, [changeNode(layer, { input })]);
  }
  return changeGraph(graph, { replace, initializers: zeroed });
}

function prunedUnits(graph: Graph, found: Variational, kept: Float64Array): Graph {
  const { node, strength } = found;
  const gone = new Map<Node, readonly Node[]>(strength.nodes.map((each) => [each, []]));
  if (!kept.includes(0)) {
    const { replace } = without(graph, [node]);
    return changeGraph(graph, { replace: new Map([...replace, ...gone]) });
  }
  const [input = ""] = node.input;
  const [output = ""] = node.output;
  const builder = new GraphBuilder(takenNames(graph));
  const strengths = graph.initializers.get(strength.logAlpha) as Tensor;
  const axis = (rankOf(graph, input) ?? strengths.dims.length + 1) - strengths.dims.length;
  const affine = { axis, scale: kept, shift: new Float64Array(kept.length) };
  const kind = "arithmetic" as const;
  const fold = foldForward(
    graph,
    { node, kind, input, output, affine },
    { duplicateProducer: false },
  );
  if (!("reason" in fold)) {
    const { replace = new Map(), initializers = [] } = fold.changes(builder);
    return changeGraph(graph, { replace: new Map([...replace, ...gone]), initializers });
  }
  const name = builder.freshName(`${siteId(node)}_mask`);
  const mask = roundedTensor(name, strengths.dims, strengths.dataType, kept);
  const product = makeNode("Mul", [input, name], [output], { name: node.name });
  return changeGraph(graph, {
    replace: new Map([...gone, [node, [product]]]),
    initializers: [mask],
  });
}

type Sums = Readonly<Record<"unit" | "weight", { readonly pruned: number; readonly all: number }>>;

function statement(sums: Sums, threshold: number): string {
  const parts = (["unit", "weight"] as const)
    .filter((kind) => sums[kind].all > 0)
    .map((kind) => `${sums[kind].pruned} of ${sums[kind].all} ${kind}s`);
  return `${parts.join(" and ")} have log α above ${threshold} and are set to zero; the noise is removed.`;
}
