import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { type Candidate, sitesOf } from "./candidates.ts";
import { type Pass, type PassOptions, type PassResult, siteId } from "./pass.ts";
import { type PrunableLayer, prunableLayer } from "./prunable-layer.ts";
import { pruneChannels } from "./prune-channels.ts";
import { type Pruned, type PruneShare, pruneWeights } from "./prune-weights.ts";
import { isRefusal } from "./refusal.ts";
import { sampleAccuracy } from "./sample-accuracy.ts";
import type { SampleRuns } from "./sample-runs.ts";
import { requireSites } from "./sites.ts";
import { type UnitWeight, unitWeight } from "./unit-weight.ts";

/**
 * Takes away what matters least by its magnitude: single weights, which become zero
 * (prune-weights.ts), or whole output channels, which makes the model smaller (prune-channels.ts).
 * With labelled data, what it costs is measured.
 */
export const pruneMagnitude: Pass = {
  id: "prune-magnitude",
  title: "Prune by magnitude",
  description: "Sets the smallest weights to zero, or takes the least channels out.",
  options: [
    {
      name: "share",
      description: "of weights or channels, from 0 to below 1",
      kind: "number",
      default: 0.5,
      minimum: 0,
      maximum: 1,
    },
    {
      name: "scope",
      description: "the smallest of all layers together, or of each layer",
      kind: "choice",
      default: "global",
      choices: ["global", "layer"],
    },
    {
      name: "structure",
      description: "single weights become zero, or output channels are taken out",
      kind: "choice",
      default: "weights",
      choices: ["weights", "channels"],
    },
  ],
  data: "optional",
  preserves: () => "nothing",
  find: (graph, options) =>
    sitesOf(candidates(graph, options), (_, id) => ({ title: `Prune ${id}` })),
  apply,
  applyOnData,
};

function candidates(
  graph: Graph,
  { structure }: PassOptions,
): readonly Candidate<UnitWeight | PrunableLayer>[] {
  const find = structure === "channels" ? prunableLayer : unitWeight;
  return graph.nodes.flatMap((node) => {
    const found = find(graph, node);
    return found === undefined ? [] : [{ node, plan: found }];
  });
}

/** @throws InputError for a share of everything, and where a layer would be left with nothing. */
function apply(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
): PassResult {
  const wanted = requireSites(pruneMagnitude, graph, sites, options);
  const share = pruneShare(options);
  const found: (UnitWeight | PrunableLayer)[] = [];
  const skipped: { node: string; reason: string }[] = [];
  for (const { node, plan } of candidates(graph, options)) {
    const id = siteId(node);
    if (!wanted(id)) continue;
    if (isRefusal(plan)) skipped.push({ node: id, reason: plan.reason });
    else found.push(plan);
  }
  const pruned: Pruned =
    options.structure === "channels"
      ? pruneChannels(graph, found.filter(isPrunable), share)
      : pruneWeights(graph, found.filter((each) => !isPrunable(each)) as UnitWeight[], share);
  return {
    graph: pruned.graph,
    applied: pruned.nodes.map((node) => ({ node: siteId(node), into: siteId(node) })),
    skipped,
    siteOutputs: [],
    statement: pruned.statement,
    tables: [pruned.table],
  };
}

function isPrunable(found: UnitWeight | PrunableLayer): found is PrunableLayer {
  return "path" in found;
}

function pruneShare({ share, scope }: PassOptions): PruneShare {
  const value = Number(share);
  if (!(value >= 0 && value < 1)) {
    throw new InputError(
      `${pruneMagnitude.id}: option share is ${share}; a number from 0 to below 1 is needed, since nothing would be left`,
    );
  }
  return { share: value, scope: scope === "layer" ? "layer" : "global" };
}

async function applyOnData(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
  samples: SampleRuns,
): Promise<PassResult> {
  const result = apply(graph, sites, options);
  const before = await sampleAccuracy(graph, samples);
  const after = await sampleAccuracy(result.graph, samples);
  const about = `${samples.name} (${samples.count} samples)`;
  if (before === undefined || after === undefined) {
    const statement = `${result.statement} Accuracy was not measured: ${about} has no class for each sample, or the model no output for each class.`;
    return { ...result, statement };
  }
  const rows = [
    ["before", percent(before)],
    ["after", percent(after)],
  ];
  return {
    ...result,
    statement: `${result.statement} Accuracy on ${about}: ${percent(before)} before, ${percent(after)} after.`,
    tables: [
      ...(result.tables ?? []),
      { title: `Accuracy on ${samples.name}`, columns: ["model", "accuracy"], rows },
    ],
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
