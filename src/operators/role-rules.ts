import type { Node } from "../graph/graph.ts";
import { type NodeRole, nodeRole } from "../graph/node-role.ts";
import { layerNoiseRoles } from "./layer-noise.ts";
import { meanOnlyBatchNorm } from "./mean-only-batch-norm.ts";
import type { OperatorRule } from "./operator.ts";
import { operatorRule } from "./table.ts";
import { gaussianNoise } from "./variational-dropout.ts";
import { whiteningRoles } from "./whitening.ts";

/** What nodes of a role do while training; their shapes are those of their operator. */
export interface RoleRule extends Required<Pick<OperatorRule, "trainingForward" | "gradient">> {
  readonly role: NodeRole;
  /** The operator that the role is written as; a note on another is passed over. */
  readonly opType: string;
}

/** Every role; one a file. */
const rules: readonly RoleRule[] = [
  meanOnlyBatchNorm,
  gaussianNoise,
  ...layerNoiseRoles,
  ...whiteningRoles,
];

const table = new Map(rules.map((rule) => [key(rule.role, rule.opType), rule]));

/** The rule that training follows for a node: its role's, or its operator's. */
export function trainingRule(node: Node): OperatorRule | undefined {
  const rule = operatorRule(node.domain, node.opType);
  const role = table.get(key(nodeRole(node) ?? "", node.opType));
  return rule === undefined ? rule : { ...rule, ...role };
}

function key(role: string, opType: string): string {
  return `${role}:${opType}`;
}
