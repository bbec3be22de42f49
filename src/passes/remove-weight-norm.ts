import { GraphBuilder } from "../graph/builder.ts";
import { constantValue } from "../graph/constants.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import type { Tensor } from "../graph/tensor.ts";
import {
  type WeightNormalization,
  weightNormalization,
} from "../operators/weight-normalization.ts";
import { directedTensor } from "./directed-tensor.ts";
import { type Pass, type PassResult, type Site, siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { requireSites } from "./sites.ts";
import { valueTypes } from "./value-types.ts";

/**
 * Multiplies g and v of a weight normalization back into w = g·v/‖v‖, in float64 and rounded once.
 * The form is found in files of any origin, PyTorch's two exporters included (see
 * weight-normalization.ts for what is recognized).
 */
export const removeWeightNorm: Pass = {
  id: "remove-weight-norm",
  title: "Remove weight normalization",
  description: "Multiplies g and v of each weight normalization back into one weight.",
  options: [],
  data: "never",
  preserves: () => "function",
  find: (graph) => forms(graph).map((form) => site(graph, form)),
  apply,
};

/** A form with the nodes behind it that only give w its shape and type. */
interface PlacedForm {
  readonly form: WeightNormalization;
  readonly last: Node;
  readonly output: string;
}

const SHAPING: ReadonlySet<string> = new Set([
  "Identity",
  "Cast",
  "Reshape",
  "Squeeze",
  "Unsqueeze",
]);

function forms(graph: Graph): PlacedForm[] {
  return graph.nodes.flatMap((node) => {
    const form = weightNormalization(graph, node);
    if (form === undefined) return [];
    const last = shapedBehind(graph, node);
    return [{ form, last, output: last.output[0] ?? "" }];
  });
}

/** Only a file that reshapes or casts w has anything here; Transpose stays with its reader. */
function shapedBehind(graph: Graph, node: Node): Node {
  const index = indexOf(graph);
  let last = node;
  for (;;) {
    const value = last.output[0] ?? "";
    const [use, ...others] = index.uses(value);
    const inside = use !== undefined && others.length === 0 && use.input === 0;
    if (!inside || index.isOutput(value) || index.readByBody(value)) return last;
    const constant = use.node.input
      .slice(1)
      .every((each) => constantValue(graph, each) !== undefined);
    if (!SHAPING.has(use.node.opType) || !constant) return last;
    last = use.node;
  }
}

function site(graph: Graph, { form, last, output }: PlacedForm): Site {
  const id = siteId(form.node);
  const obstacle = obstacleTo(graph, form, output);
  if (obstacle !== undefined) {
    return { node: form.node, id, applicable: false, reason: obstacle.reason };
  }
  const into = readerOf(graph, last);
  return { node: form.node, id, applicable: true, into, title: `Fold g and v into ${into}` };
}

function obstacleTo(graph: Graph, form: WeightNormalization, output: string): Refusal | undefined {
  const index = indexOf(graph);
  if (index.isOutput(output)) return refuse(`The weight ${output} is an output of the model.`);
  if (index.readByBody(output)) return refuse(`The weight ${output} is read by a body (If, Loop).`);
  const type = valueTypes(graph).get(output);
  const direction = constantValue(graph, form.direction);
  return type?.shape.every((size) => typeof size === "number") && direction !== undefined
    ? undefined
    : refuse(`The shape of the weight ${output} is not known.`);
}

function readerOf(graph: Graph, node: Node): string {
  const use = indexOf(graph).uses(node.output[0] ?? "")[0];
  return use === undefined ? siteId(node) : siteId(use.node);
}

/** @throws InputError naming node and unit where v has no direction. */
function apply(graph: Graph, sites: readonly string[] | undefined): PassResult {
  const wanted = requireSites(removeWeightNorm, graph, sites);
  const builder = new GraphBuilder(takenNames(graph));
  const initializers: Tensor[] = [];
  const removed = new Set<Node>();
  const renamed = new Map<string, string>();
  const applied: { node: string; into: string }[] = [];
  const skipped: { node: string; reason: string }[] = [];
  for (const { form, last, output } of forms(graph)) {
    const id = siteId(form.node);
    if (!wanted(id)) continue;
    const obstacle = obstacleTo(graph, form, output);
    const folded = obstacle ?? foldedWeight(graph, form, output);
    if (isRefusal(folded)) {
      skipped.push({ node: id, reason: folded.reason });
      continue;
    }
    for (const node of formNodes(graph, last)) removed.add(node);
    const name = weightName(graph, form, removed, builder);
    initializers.push(folded.name === name ? folded : { ...folded, name });
    renamed.set(output, name);
    applied.push({ node: id, into: readerOf(graph, last) });
  }
  const replace = new Map<Node, readonly Node[]>([...removed].map((node) => [node, []]));
  const siteOutputs: PassResult["siteOutputs"][number][] = [];
  for (const node of graph.nodes) {
    if (removed.has(node) || !node.input.some((value) => renamed.has(value))) continue;
    replace.set(node, [
      changeNode(node, { input: node.input.map((each) => renamed.get(each) ?? each) }),
    ]);
    const value = node.output[0] ?? "";
    siteOutputs.push({ site: siteId(node), before: value, after: value });
  }
  return { graph: changeGraph(graph, { replace, initializers }), applied, skipped, siteOutputs };
}

function foldedWeight(graph: Graph, form: WeightNormalization, output: string): Tensor | Refusal {
  const type = valueTypes(graph).get(output);
  const folded = directedTensor(graph, form, {
    dims: (type?.shape ?? []).map(Number),
    dataType: type?.dataType ?? 0,
  });
  if (typeof folded === "string") throw new InputError(`${nodeLabel(form.node)}: ${folded}`);
  return folded;
}

/** The nodes that compute w and nothing else, from the last one up. */
function formNodes(graph: Graph, last: Node): ReadonlySet<Node> {
  const index = indexOf(graph);
  const found = new Set([last]);
  const open = [last];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const value of node.input) {
      const producer = index.producer(value);
      if (producer === undefined || found.has(producer)) continue;
      const alone = producer.output.every(
        (each) =>
          !index.isOutput(each) &&
          !index.readByBody(each) &&
          index.uses(each).every((use) => found.has(use.node)),
      );
      if (!alone) continue;
      found.add(producer);
      open.push(producer);
    }
  }
  return found;
}

/**
 * The name of the folded weight: what PyTorch's names for v stand for, or v's own where v is read by
 * nobody else any more.
 */
function weightName(
  graph: Graph,
  form: WeightNormalization,
  removed: ReadonlySet<Node>,
  builder: GraphBuilder,
): string {
  const index = indexOf(graph);
  const stored = storedName(graph, form.direction);
  const plain = stored
    .replace(/_v$/, "")
    .replace(/(^|\.)parametrizations\.(.+)\.original1$/, "$1$2");
  if (plain !== stored) return builder.freshName(plain);
  const free =
    graph.initializers.has(stored) &&
    !index.readByBody(stored) &&
    !index.isOutput(stored) &&
    index.uses(stored).every((use) => removed.has(use.node));
  return free ? stored : builder.freshName(`${stored}_folded`);
}

function storedName(graph: Graph, value: string): string {
  let name = value;
  for (let node = indexOf(graph).producer(name); node !== undefined; ) {
    if (node.opType === "Constant") return name;
    name = node.input[0] ?? "";
    node = indexOf(graph).producer(name);
  }
  return name;
}
