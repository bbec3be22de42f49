import type { Graph, Node } from "../graph/graph.ts";
import { bodiesOf } from "../graph/index.ts";

/**
 * Nodes in groups, each group behind the ones before it: within a group no node sees what another
 * computes, so that all of a group can be measured in one run of the model.
 *
 * The group of a node is the largest number of chosen nodes on a path to it. Linear in the size of
 * the graph. A node with a body may read anything before it, and counts as if it did.
 */
export function levelsOf(graph: Graph, chosen: ReadonlySet<Node>): readonly (readonly Node[])[] {
  const depths = new Map<string, number>();
  const levels: Node[][] = [];
  let deepest = 0;
  for (const node of graph.nodes) {
    let depth = bodiesOf(node).length > 0 ? deepest : 0;
    for (const value of node.input) depth = Math.max(depth, depths.get(value) ?? 0);
    if (chosen.has(node)) {
      const level = levels[depth];
      if (level === undefined) levels[depth] = [node];
      else level.push(node);
      depth++;
    }
    for (const output of node.output) depths.set(output, depth);
    deepest = Math.max(deepest, depth);
  }
  return levels;
}
