import type { Graph, Node } from "../graph/graph.ts";
import {
  activityRegularizer,
  constraintText,
  regularizerText,
  weightRules,
} from "../graph/weight-rules.ts";
import { siteId } from "../passes/pass.ts";
import type { LayerRuleReport } from "../protocol/reports.ts";
import { parameterRole } from "./parameter-roles.ts";

/** What a node's layer states for its own training, a line each: weight constraints and regularizers. */
export function layerRulesOf(node: Node): LayerRuleReport[] {
  const found: LayerRuleReport[] = [];
  const add = (what: string, rule: string) => found.push({ node: siteId(node), what, rule });
  for (const position of node.input.keys()) {
    const { regularizer, constraint } = weightRules(node, position);
    const role = parameterRole(node.opType, position);
    if (regularizer) add(`${role} regularizer`, regularizerText(regularizer, "w"));
    if (constraint) add(`${role} constraint`, constraintText(constraint));
  }
  const activity = activityRegularizer(node);
  if (activity) add("activity regularizer", regularizerText(activity, "y"));
  return found;
}

export function layerRules(graph: Graph): LayerRuleReport[] {
  return graph.nodes.flatMap(layerRulesOf);
}
