import { constantValue } from "../graph/constants.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { isMovement } from "./channel-tracking.ts";
import type { LinearLayer } from "./linear-layer.ts";
import { linearOperator } from "./linear-operators.ts";
import { siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";

/** Nodes between a Dropout and the layers after it; more are a file made to be slow. */
const MOST_NODES = 256;

/** Operators with f(c·x) = c·f(x) for every c > 0, so that a factor can be taken up behind them. */
const HOMOGENEOUS: ReadonlySet<string> = new Set(
  "Relu LeakyRelu PRelu MaxPool AveragePool GlobalAveragePool GlobalMaxPool ReduceMean ReduceSum ReduceMax Dropout".split(
    " ",
  ),
);

/** A linear layer that multiplies what a Dropout lets through by its weight. */
export interface LayerBehind {
  readonly node: Node;
  readonly layer: LinearLayer;
}

/**
 * Every linear layer that reads a value, with nothing between but what a positive factor passes
 * through unchanged, or what is in the way. Each has its weight for itself.
 */
export function linearLayersBehind(graph: Graph, start: Node): readonly LayerBehind[] | Refusal {
  const index = indexOf(graph);
  const layers: LayerBehind[] = [];
  const queue = [start.output[0] ?? ""];
  let visited = 0;
  for (let value = queue.shift(); value !== undefined; value = queue.shift()) {
    if (index.isOutput(value)) {
      return refuse(`The result of ${nodeLabel(start)} reaches ${value}, an output of the model.`);
    }
    if (index.readByBody(value)) {
      return refuse(`The result of ${nodeLabel(start)} (${value}) is read inside a subgraph.`);
    }
    for (const { node, input } of index.uses(value)) {
      visited++;
      if (visited > MOST_NODES) {
        return refuse(`The result of ${nodeLabel(start)} has more readers than are followed.`);
      }
      if (passesFactors(graph, node, input)) {
        queue.push(node.output[0] ?? "");
        continue;
      }
      const layer = layerAt(graph, start, node, input);
      if (isRefusal(layer)) return layer;
      layers.push({ node, layer });
    }
  }
  return layers.length > 0 ? layers : refuse(`No linear layer follows ${nodeLabel(start)}.`);
}

function passesFactors(graph: Graph, node: Node, position: number): boolean {
  if (!isStandardDomain(node.domain)) return false;
  const scales = node.opType === "Mul" || (node.opType === "Div" && position === 0);
  if (scales) return constantValue(graph, node.input[1 - position] ?? "") !== undefined;
  return position === 0 && (isMovement(node) || HOMOGENEOUS.has(node.opType));
}

function layerAt(graph: Graph, start: Node, node: Node, position: number): LinearLayer | Refusal {
  const operator = linearOperator(node);
  if (operator === undefined) {
    return refuse(
      `The result of ${nodeLabel(start)} goes to ${nodeLabel(node)}, which has no weights to multiply.`,
    );
  }
  const layer = operator.seenFromInput(graph, node, position);
  if (isRefusal(layer)) return layer;
  const weight = node.input[node.opType === "MatMul" ? 1 - position : 1] ?? "";
  const other = otherReader(graph, node, weight);
  return other === undefined
    ? layer
    : refuse(
        `The weight ${weight} of ${nodeLabel(node)} is shared: ${nodeLabel(other)} reads it too.`,
      );
}

/** Who else reads a weight, under its own name or that of what it is made of. */
function otherReader(graph: Graph, node: Node, weight: string): Node | undefined {
  const stored = constantValue(graph, weight)?.name ?? weight;
  const direct = indexOf(graph)
    .uses(weight)
    .find((use) => use.node !== node);
  const carrier = indexOf(graph).producer(weight);
  const behind = indexOf(graph)
    .uses(stored)
    .find((use) => use.node !== node && use.node !== carrier);
  return (direct ?? behind)?.node;
}

/** "fc1 and fc2": layers in a sentence. */
export function layerNames(layers: readonly LayerBehind[]): string {
  return layers.map(({ node }) => siteId(node)).join(" and ");
}
