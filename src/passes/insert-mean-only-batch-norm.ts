import { type GraphBuilder, makeNode } from "../graph/builder.ts";
import { changeNode } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { withRole } from "../graph/node-role.ts";
import { roundedTensor } from "../graph/numbers.ts";
import { calibrationTable } from "./calibration-table.ts";
import { changeSites, type SiteChange, sitesOf } from "./candidates.ts";
import { channelConstantDims } from "./channel-constant.ts";
import { type MeanOnlyPlan, meanOnlyPlan } from "./insertion-plan.ts";
import { insertionSites, insertionTitle } from "./insertion-sites.ts";
import { type MeasuredChannels, measureChannels } from "./measured-channels.ts";
import { type Pass, type PassOptions, type PassResult, siteId } from "./pass.ts";
import { layerWithoutBias } from "./pre-activation-bias.ts";
import { isRefusal } from "./refusal.ts";
import type { SampleRuns } from "./sample-runs.ts";
import { requireSites } from "./sites.ts";

/**
 * Puts a mean-only BatchNorm between linear layers and their nonlinearity:
 *
 *   t̃ = t − μ[t] + b   with   t = W·x
 *
 * as a Sub with the running mean, which training reads as the batch's mean (node-role.ts), and an
 * Add of b, which is the layer's own bias. The Add's result takes the name of the layer's, so that
 * everybody who read it reads it. The function stays: μ is zero or moved into b.
 *
 * Source: Salimans and Kingma, "Weight Normalization", 2016, section 4, equation 9.
 */
export const insertMeanOnlyBatchNorm: Pass = {
  id: "insert-mean-only-batch-norm",
  title: "Insert mean-only BatchNorm",
  description: "Subtracts the running mean of what linear layers make, before their nonlinearity.",
  options: [
    {
      name: "mode",
      kind: "choice",
      default: "exact",
      choices: ["exact", "calibrated"],
      description: "The running mean is 0, or the data's; both keep the function.",
    },
    {
      name: "outputLayer",
      kind: "boolean",
      default: false,
      description: "Also behind layers that no nonlinearity follows, such as the model's last.",
    },
  ],
  data: { option: "mode", values: ["calibrated"] },
  preserves: () => "inference",
  find: (graph, options) =>
    sitesOf(places(graph, options), (insertion) => ({
      title: insertionTitle(insertion, "mean-only BatchNorm"),
    })),
  apply: (graph, sites, options) => {
    if (options.mode === "calibrated") {
      throw new InputError("insert-mean-only-batch-norm: mode calibrated needs data to measure on");
    }
    return insert(graph, chosen(graph, sites, options), new Map());
  },
  applyOnData,
};

function places(graph: Graph, { outputLayer }: PassOptions) {
  return insertionSites(graph, { place: "before", outputLayer: outputLayer === true });
}

function chosen(graph: Graph, sites: readonly string[] | undefined, options: PassOptions) {
  const wanted = requireSites(insertMeanOnlyBatchNorm, graph, sites, options);
  return places(graph, options).filter(({ node }) => wanted(siteId(node)));
}

async function applyOnData(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
  samples: SampleRuns,
): Promise<PassResult> {
  if (options.mode !== "calibrated") return insertMeanOnlyBatchNorm.apply(graph, sites, options);
  const found = chosen(graph, sites, options);
  const values = found.flatMap(({ plan }) => (isRefusal(plan) ? [] : [plan.value]));
  const measured = await measureChannels(graph, values, samples, "population");
  const result = insert(graph, found, measured);
  return { ...result, tables: [calibrationTable(measured, samples.name)] };
}

function insert(
  graph: Graph,
  found: ReturnType<typeof chosen>,
  measured: ReadonlyMap<string, MeasuredChannels>,
): PassResult {
  return changeSites(graph, found, (insertion, names) => {
    const plan = meanOnlyPlan(graph, insertion, measured.get(insertion.value)?.mean);
    return isRefusal(plan) ? plan : addMeanOnly(graph, plan, names);
  });
}

/** The Add behind the layer, where it has one, becomes the Add of b and keeps its name. */
function addMeanOnly(graph: Graph, plan: MeanOnlyPlan, names: GraphBuilder): SiteChange {
  const { layer, add, value, dataType, channels, rank, dropsBias } = plan;
  const product = names.freshName(`${value}_product`);
  const centred = names.freshName(`${value}_centred`);
  const name = names.freshName(`${siteId(layer)}_mean`);
  const dims = channelConstantDims(graph, channels, 1, rank);
  const mean = roundedTensor(names.freshName(`${name}.running_mean`), dims, dataType, plan.mean);
  const beta = roundedTensor(names.freshName(`${name}.bias`), dims, dataType, plan.beta);
  const sub = makeNode("Sub", [product, mean.name], [centred], { name });
  const inputs = [centred, beta.name];
  const shift =
    dropsBias && add !== undefined
      ? changeNode(add, { input: inputs })
      : makeNode("Add", inputs, [value], { name: names.freshName(`${siteId(layer)}_shift`) });
  const added = [withRole(sub, "mean-only-batch-norm"), shift];
  const replace = new Map<Node, readonly Node[]>();
  if (!dropsBias) {
    const last = add ?? layer;
    replace.set(last, [changeNode(last, { output: [product] }), ...added]);
  } else if (add === undefined) {
    replace.set(layer, [layerWithoutBias(layer, product), ...added]);
  } else {
    replace.set(layer, [layerWithoutBias(layer, product)]);
    replace.set(add, added);
  }
  return { replace, initializers: [mean, beta], into: name, keeps: value };
}
