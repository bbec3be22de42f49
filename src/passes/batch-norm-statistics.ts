import { GraphBuilder } from "../graph/builder.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { roundedTensor } from "../graph/numbers.ts";
import type { Tensor } from "../graph/tensor.ts";
import { levelsOf } from "./batch-norm-levels.ts";
import {
  type BatchNormalization,
  isBatchNormalization,
  readBatchNormalization,
} from "./batch-normalization.ts";
import type { Candidate } from "./candidates.ts";
import { hasOneReader } from "./fold-pattern.ts";
import { knownTensor } from "./known-tensor.ts";
import { type MeasuredChannels, measureChannels, type VarianceKind } from "./measured-channels.ts";
import { overflowOf } from "./overflow.ts";
import { siteId } from "./pass.ts";
import { isRefusal, type Refusal, refuse } from "./refusal.ts";
import type { SampleRuns } from "./sample-runs.ts";

/** Every BatchNorm of a graph, in node order. */
export function batchNormCandidates(graph: Graph): readonly Candidate<BatchNormalization>[] {
  return graph.nodes
    .filter(isBatchNormalization)
    .map((node) => ({ node, plan: measurable(graph, node) }));
}

function measurable(graph: Graph, node: Node): BatchNormalization | Refusal {
  const batchNorm = readBatchNormalization(graph, node);
  if (isRefusal(batchNorm)) return batchNorm;
  if (batchNorm.dims.length === 1) return batchNorm;
  return refuse(
    `The parameters of ${siteId(node)} have shape [${batchNorm.dims}]: one for each position, not for each channel.`,
  );
}

/** Stored and measured statistics of one BatchNorm. */
export interface MeasuredBatchNorm {
  readonly batchNorm: BatchNormalization;
  readonly measured: MeasuredChannels;
}

export interface MeasuredModel {
  /** The model with the measured statistics in place of the stored ones. */
  readonly graph: Graph;
  /** In the order of their levels. */
  readonly batchNorms: readonly MeasuredBatchNorm[];
}

/**
 * E[x] and Var[x] of the input of each BatchNorm over the data,
 *
 *   E[x] = E_B[μ_B],   Var[x] = m/(m − 1)·E_B[σ²_B]
 *
 * with all samples as one batch of m values a channel, so that the averages are the batch's own.
 * Each is measured with the BatchNorms before it measured and replaced already: it sees what it
 * will see. BatchNorms that do not see each other are measured in the same run, so that the depth
 * of the network counts and not their number.
 *
 * Source: Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 2, steps 7 to 10.
 *
 * @throws InputError where the data does not suit (see measureChannels), and for a number that the
 *   stored type cannot hold.
 */
export async function measureBatchNorms(
  graph: Graph,
  batchNorms: readonly BatchNormalization[],
  samples: SampleRuns,
  variance: VarianceKind,
): Promise<MeasuredModel> {
  const byNode = new Map(batchNorms.map((batchNorm) => [batchNorm.node, batchNorm]));
  const done: MeasuredBatchNorm[] = [];
  let current = graph;
  for (const level of levelsOf(graph, new Set(byNode.keys()))) {
    const members = level.map((node) => byNode.get(node) as BatchNormalization);
    const values = members.map(({ input }) => input);
    const measured = await measureChannels(current, values, samples, variance);
    const found = members.map((batchNorm) => {
      const channels = measured.get(batchNorm.input) as MeasuredChannels;
      requireFit(batchNorm, channels);
      return { batchNorm, measured: channels };
    });
    // A chosen node is replaced once, at its own level, so it is still the one of the graph.
    current = withStatistics(current, found);
    done.push(...found);
  }
  return { graph: current, batchNorms: done };
}

function requireFit(batchNorm: BatchNormalization, { mean }: MeasuredChannels): void {
  if (mean.length === batchNorm.channels) return;
  throw new InputError(
    `node ${siteId(batchNorm.node)}: has ${batchNorm.channels} channels, but its input ${batchNorm.input} has ${mean.length}`,
  );
}

function withStatistics(graph: Graph, found: readonly MeasuredBatchNorm[]): Graph {
  const names = new GraphBuilder(takenNames(graph));
  const replace = new Map<Node, readonly Node[]>();
  const initializers: Tensor[] = [];
  for (const { batchNorm, measured } of found) {
    const { node } = batchNorm;
    const input = [...node.input];
    for (const [position, words, values] of [
      [3, "running mean", measured.mean],
      [4, "running variance", measured.variance],
    ] as const) {
      const tensor = newTensor(graph, node, position, words, values, names);
      input[position] = tensor.name;
      initializers.push(tensor);
    }
    replace.set(node, [changeNode(node, { input })]);
  }
  return changeGraph(graph, { replace, initializers });
}

/** In the place of the stored tensor where this node alone reads it, else under a new name. */
function newTensor(
  graph: Graph,
  node: Node,
  position: number,
  words: string,
  values: Float64Array,
  names: GraphBuilder,
): Tensor {
  const value = node.input[position] ?? "";
  const old = knownTensor(graph, value, `${words} of ${siteId(node)}`);
  if (isRefusal(old)) throw new InputError(old.reason);
  const overflow = overflowOf(values, old.dataType);
  if (overflow !== undefined) {
    throw new InputError(`node ${siteId(node)}: its ${words} is ${overflow}`);
  }
  const own = graph.initializers.has(value) && hasOneReader(graph, value);
  const name = own ? value : names.freshName(`${old.name}_measured`);
  return roundedTensor(name, [values.length], old.dataType, values);
}
