import type { Node } from "../graph/graph.ts";
import { siteId } from "./pass.ts";

/** Why a site is left alone, in one sentence that names the node or tensor in the way. */
export interface Refusal {
  readonly reason: string;
}

export function refuse(reason: string): Refusal {
  return { reason };
}

export function isRefusal(outcome: object): outcome is Refusal {
  return "reason" in outcome;
}

/** "Conv conv1": how sentences name a node. */
export function nodeLabel(node: Node): string {
  return `${node.opType} ${siteId(node)}`;
}
