import type { Graph } from "../graph/graph.ts";
import type { Finding } from "../protocol/reports.ts";

/**
 * One kind of remark. One file each; registry.ts lists them. Rules run after every edit, so they
 * take time linear in the number of nodes and read no large weight.
 */
export interface FindingRule {
  /** What all its findings carry as `rule`. */
  readonly id: string;
  /** In node order. Never throws, whatever a file holds. */
  find(graph: Graph): readonly Finding[];
}
