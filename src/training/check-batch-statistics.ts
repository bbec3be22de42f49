import type { Dimension } from "../graph/builder.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { type NodeRole, nodeRole } from "../graph/node-role.ts";
import { elementCount } from "../graph/tensor.ts";
import { staticShape } from "../operators/shape-algebra.ts";

/** Roles whose nodes use the statistics of the batch while training, as BatchNormalization does. */
const ROLES: ReadonlySet<string> = new Set<NodeRole>(["mean-only-batch-norm", "whitening"]);

/**
 * Refuses batches that leave a normalization a single value for each channel: its variance is 0, what
 * it puts out does not depend on its input, and no gradient passes.
 *
 * @param frozen first outputs of normalizations that go by their stored statistics.
 * @param shapeOf the shape of a value with the run's batch size, as far as known.
 */
export function checkBatchStatistics(
  graph: Graph,
  batchSize: number,
  shapeOf: (value: string) => readonly Dimension[] | undefined,
  frozen: ReadonlySet<string>,
): void {
  for (const node of graph.nodes) {
    if (!usesBatchStatistics(node) || frozen.has(node.output[0] ?? "")) continue;
    const shape = staticShape(shapeOf(node.input[0] ?? "") ?? ["unknown"]);
    if (shape === undefined || elementCount(shape) > (shape[1] ?? 1)) continue;
    const name = node.name === "" ? node.output[0] : node.name;
    throw new InputError(
      `batchSize: ${batchSize} leaves ${node.opType} ${name} one value for each channel, which has no variance to normalize by; 2 or more are needed`,
    );
  }
}

/** Whether a node normalizes by the batch while training. */
export function usesBatchStatistics(node: Node): boolean {
  return node.opType === "BatchNormalization" || ROLES.has(nodeRole(node) ?? "");
}
