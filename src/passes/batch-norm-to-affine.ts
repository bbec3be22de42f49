import { type GraphBuilder, makeNode } from "../graph/builder.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, type Node, standardOpset } from "../graph/graph.ts";
import { readFloat64, roundedTensor } from "../graph/numbers.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ValueType } from "../operators/operator.ts";
import {
  affineForm,
  type BatchNormalization,
  isBatchNormalization,
  readBatchNormalization,
} from "./batch-normalization.ts";
import { type Candidate, changeSites, type SiteChange, sitesOf } from "./candidates.ts";
import {
  channelArithmetic,
  channelConstantDims,
  FIRST_OPSET_WITH_BROADCASTING,
} from "./channel-constant.ts";
import { type Pass, type PassResult, siteId } from "./pass.ts";
import { isRefusal, type Refusal, refuse } from "./refusal.ts";
import { requireSites } from "./sites.ts";
import { valueTypes } from "./value-types.ts";

/**
 * Rewrites a BatchNorm that no neighbour can take up as what it computes at inference,
 *
 *   y = a·x + b   with   a = γ/√(σ² + ε),   b = β − μ·a,
 *
 * one Mul and one Add with constants of shape [C, 1, 1, …], so that they meet axis 1. A Mul by one
 * and an Add of zero are exact identities and are left out.
 */
export const batchNormToAffine: Pass = {
  id: "batch-norm-to-affine",
  title: "Rewrite BatchNorm as Mul and Add",
  description: "Replaces each BatchNorm by one multiplication and one addition per channel.",
  options: [],
  data: "never",
  preserves: () => "inference",
  find: (graph) =>
    sitesOf(candidates(graph), (_, id) => ({ title: `Rewrite ${id} as Mul and Add` })),
  apply,
};

const CHANNEL_AXIS = 1;

/** The two constants, rounded to the input's type. */
interface Plan {
  readonly batchNorm: BatchNormalization;
  readonly scale: Tensor;
  readonly shift: Tensor;
}

function candidates(graph: Graph): readonly Candidate<Plan>[] {
  const nodes = graph.nodes.filter(isBatchNormalization);
  if (nodes.length === 0) return [];
  const types = valueTypes(graph);
  return nodes.map((node) => ({ node, plan: makePlan(graph, node, types) }));
}

function makePlan(graph: Graph, node: Node, types: ReadonlyMap<string, ValueType>): Plan | Refusal {
  const batchNorm = readBatchNormalization(graph, node);
  if (isRefusal(batchNorm)) return batchNorm;
  const affine = affineForm(batchNorm);
  if (isRefusal(affine)) return affine;
  const type = types.get(batchNorm.input) ?? types.get(batchNorm.output);
  const dims = constantDims(graph, batchNorm, type);
  if (dims === undefined) {
    return refuse(
      `The number of dimensions of ${batchNorm.input}, the input of ${siteId(node)}, is not known.`,
    );
  }
  const dataType = type?.dataType ?? batchNorm.parameterType;
  return {
    batchNorm,
    scale: roundedTensor("", dims, dataType, affine.scale),
    shift: roundedTensor("", dims, dataType, affine.shift),
  };
}

/** [C, 1, 1, …]: broadcasting lines shapes up at the right, and the channel is axis 1. */
function constantDims(
  graph: Graph,
  { dims, channels }: BatchNormalization,
  type: ValueType | undefined,
): readonly number[] | undefined {
  const perPosition = dims.length > 1;
  if (perPosition || standardOpset(graph) < FIRST_OPSET_WITH_BROADCASTING) return dims;
  if (type === undefined || type.shape.length < 2) return undefined;
  return channelConstantDims(graph, channels, CHANNEL_AXIS, type.shape.length);
}

function apply(graph: Graph, sites: readonly string[] | undefined): PassResult {
  const wanted = requireSites(batchNormToAffine, graph, sites);
  const found = candidates(graph).filter(({ node }) => wanted(siteId(node)));
  return changeSites(graph, found, (plan, builder) => rewrite(graph, plan, builder));
}

/** The last node keeps the BatchNorm's name, output, doc string and unknown fields. */
function rewrite(graph: Graph, plan: Plan, names: GraphBuilder): SiteChange {
  const { node, input, output } = plan.batchNorm;
  const steps = [
    { opType: "Mul" as const, stem: `${siteId(node)}_scale`, constant: plan.scale, neutral: 1 },
    { opType: "Add" as const, stem: `${siteId(node)}_shift`, constant: plan.shift, neutral: 0 },
  ].filter((step) => !allEqual(step.constant, step.neutral));
  const initializers: Tensor[] = [];
  const nodes: Node[] = [];
  let value = input;
  for (const [position, step] of steps.entries()) {
    const constant = { ...step.constant, name: names.freshName(step.stem) };
    initializers.push(constant);
    const last = position === steps.length - 1;
    const result = last ? output : names.freshName(`${siteId(node)}_scaled`);
    const operands = { value, constant: constant.name };
    const name = last ? node.name : result;
    const made = channelArithmetic(graph, step.opType, operands, result, CHANNEL_AXIS, name);
    nodes.push(last ? takePlace(node, made) : made);
    value = result;
  }
  if (nodes.length === 0) nodes.push(takePlace(node, makeNode("Identity", [input], [output])));
  return { replace: new Map([[node, nodes]]), initializers, into: siteId(node), keeps: output };
}

function takePlace(node: Node, made: Node): Node {
  const { opType, input, output, attribute } = made;
  return changeNode(node, { opType, input, output, attribute });
}

function allEqual(tensor: Tensor, value: number): boolean {
  return readFloat64(tensor).every((each) => each === value);
}
