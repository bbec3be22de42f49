import { floatAttribute } from "../graph/attributes.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, isStandardDomain, type Node, standardOpset } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { nodeRole } from "../graph/node-role.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import {
  type BatchNormalization,
  isBatchNormalization,
  numericProblem,
  readBatchNormalization,
} from "./batch-normalization.ts";
import { type Candidate, changeSites, sitesOf } from "./candidates.ts";
import { hasOneReader, nameForChanged } from "./fold-pattern.ts";
import { knownTensor, knownValues } from "./known-tensor.ts";
import { overflowOf } from "./overflow.ts";
import { type Pass, type PassResult, siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { roundOnce } from "./scaled-tensor.ts";
import { requireSites } from "./sites.ts";

/**
 * A bias in front of a BatchNorm does nothing: the mean that is subtracted contains it. While
 * training the batch's mean does; at inference it can be taken out of the running mean,
 *
 *   γ·(W·x + b − μ)/√(σ² + ε) + β = γ·(W·x − μ′)/√(σ² + ε) + β   with   μ′ = μ − b.
 *
 * Source: Ioffe and Szegedy, "Batch Normalization", 2015, section 3.2.
 */
export const dropRedundantBias: Pass = {
  id: "drop-redundant-bias",
  title: "Drop redundant bias",
  description:
    "Takes away each bias in front of a BatchNorm and subtracts it from the running mean.",
  options: [],
  data: "never",
  preserves: () => "function",
  find: (graph) =>
    sitesOf(candidates(graph), ({ batchNorm }, id) => ({
      into: siteId(batchNorm.node),
      title: `Drop the bias of ${id}`,
    })),
  apply,
};

const BIASED = new Set(["Conv", "ConvTranspose", "Gemm"]);
const BIAS = 2;
const MEAN = 3;

/** Before it, Gemm needs its input C. */
const FIRST_OPSET_WITHOUT_C = 11;

interface Plan {
  readonly batchNorm: BatchNormalization;
  readonly mean: Tensor;
  readonly values: Float64Array;
}

function candidates(graph: Graph): readonly Candidate<Plan>[] {
  const index = indexOf(graph);
  return graph.nodes.flatMap((layer) => {
    // The bias of a node with a role is its state.
    const biased =
      nodeRole(layer) === undefined &&
      isStandardDomain(layer.domain) &&
      BIASED.has(layer.opType) &&
      (layer.input[BIAS] ?? "") !== "";
    if (!biased) return [];
    const reader = index
      .uses(layer.output[0] ?? "")
      .find(({ node, input }) => input === 0 && isBatchNormalization(node))?.node;
    return reader === undefined ? [] : [{ node: layer, plan: makePlan(graph, layer, reader) }];
  });
}

function makePlan(graph: Graph, layer: Node, reader: Node): Plan | Refusal {
  const output = layer.output[0] ?? "";
  const name = siteId(layer);
  if (!hasOneReader(graph, output)) {
    return refuse(`${output} is read by others than ${siteId(reader)}, and they need the bias.`);
  }
  if (layer.opType === "Gemm" && standardOpset(graph) < FIRST_OPSET_WITHOUT_C) {
    return refuse(`${name} is a Gemm of operator set ${standardOpset(graph)}, which needs a bias.`);
  }
  const batchNorm = readBatchNormalization(graph, reader);
  if (isRefusal(batchNorm)) return batchNorm;
  const problem = numericProblem(batchNorm);
  if (problem !== undefined) return problem;
  const mean = knownTensor(graph, reader.input[MEAN] ?? "", `running mean of ${siteId(reader)}`);
  if (isRefusal(mean)) return mean;
  if (mean.dims.length !== 1) {
    return refuse(
      `The running mean of ${siteId(reader)} has shape [${mean.dims}]: one for each position, not for each channel.`,
    );
  }
  const bias = channelBias(graph, layer, batchNorm.channels);
  if (isRefusal(bias)) return bias;
  const values = batchNorm.mean.map((value, channel) => value - (bias[channel] as number));
  const overflow = overflowOf(values, mean.dataType);
  if (overflow !== undefined) {
    return refuse(`The running mean of ${siteId(reader)} would become ${overflow}.`);
  }
  return { batchNorm, mean, values };
}

/** What the layer adds to each channel, or why that is not one number a channel. */
function channelBias(graph: Graph, layer: Node, channels: number): Float64Array | Refusal {
  const value = layer.input[BIAS] ?? "";
  const tensor = knownTensor(graph, value, `bias of ${siteId(layer)}`);
  if (isRefusal(tensor)) return tensor;
  const count = elementCount(tensor.dims);
  const broadcasts = layer.opType === "Gemm" && count === 1;
  if (!broadcasts && !(count === channels && tensor.dims.at(-1) === channels)) {
    return refuse(
      `The bias of ${nodeLabel(layer)} (${value}) has shape [${tensor.dims}], not one number for each of ${channels} channels.`,
    );
  }
  const values = knownValues(tensor);
  if (isRefusal(values)) return values;
  const factor = layer.opType === "Gemm" ? Math.fround(floatAttribute(layer, "beta", 1)) : 1;
  return Float64Array.from({ length: channels }, (_, channel) => {
    return factor * (values[broadcasts ? 0 : channel] as number);
  });
}

function apply(graph: Graph, sites: readonly string[] | undefined): PassResult {
  const wanted = requireSites(dropRedundantBias, graph, sites);
  const found = candidates(graph).filter(({ node }) => wanted(siteId(node)));
  return changeSites(graph, found, ({ batchNorm, mean, values }, builder, layer) => {
    const { node, parameterType, output } = batchNorm;
    const stored = node.input[MEAN] ?? "";
    const name = nameForChanged(graph, stored, mean, { builder, copies: false });
    const input = node.input.map((value, position) => (position === MEAN ? name : value));
    return {
      replace: new Map([
        [layer, [changeNode(layer, { input: layer.input.slice(0, BIAS) })]],
        [node, [changeNode(node, { input })]],
      ]),
      initializers: [roundOnce(name, mean.dims, parameterType, values)],
      into: siteId(node),
      keeps: output,
    };
  });
}
