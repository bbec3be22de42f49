import { changeNode, type GraphChanges } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { isBatchNormalization } from "./batch-normalization.ts";
import { alongAxis, type ChannelAffine, composed, hasShift } from "./channel-affine.ts";
import { followChannels, isMovement } from "./channel-tracking.ts";
import { readConstantAffine } from "./constant-affine.ts";
import {
  changedStem,
  type FoldOptions,
  type FoldPattern,
  type FoldRefusal,
  type FoldSite,
  hasOneReader,
} from "./fold-pattern.ts";
import type { Absorption, LinearLayer, TensorNames } from "./linear-layer.ts";
import { linearOperator } from "./linear-operators.ts";
import { siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";

/** Nodes passed on the way; more are a file made to be slow. */
const LONGEST_PATH = 64;

/**
 * Linear operator → site, with nothing between them but nodes that only move elements, through
 * which the channel axis is followed, and arithmetic with constants, which composes with the site:
 *
 *   Conv → Add(B) → Transpose → site   becomes   Conv′ → Transpose
 *
 * Nobody else may read a value on the way. What the operator does with the site is in its file.
 */
export const foldBackward: FoldPattern = (graph, site, options) => {
  const path = findPath(graph, site, options);
  if ("near" in path) return path;
  const { layer, affine, between } = path;
  const pairs = alongAxis(affine, layer.axis, layer.channels);
  if (pairs === undefined) return { ...axisReason(site, affine, layer), near: true };
  const absorption = layer.absorb(pairs);
  if (isRefusal(absorption)) return { ...absorption, near: true };
  const kept = between.filter((step) => step.moves).length;
  return {
    into: layer.node,
    // Nodes that are copied are touched as well: what they read may not change at the same time.
    touches: [site.node, ...between.map(({ node }) => node), layer.node, ...absorption.touches],
    addedNodes: (path.copies ? 1 + kept : kept - between.length) + (absorption.appends ? 1 : 0) - 1,
    outputs: [site.output],
    changes: (builder) => {
      const names = { builder, copies: path.copies };
      return changes(site, { ...path, affine }, absorption, names);
    },
  };
};

interface Step {
  readonly node: Node;
  /** It stays and carries the changed values; otherwise it is constant arithmetic, and composes. */
  readonly moves: boolean;
  readonly inputPosition: number;
}

interface Path {
  readonly layer: LinearLayer;
  /** Site and arithmetic together, along the axis of the layer's result. */
  readonly affine: ChannelAffine;
  /** From the site up to the layer. */
  readonly between: readonly Step[];
  /** Others read a value of the path, and the layer is copied for the site. */
  readonly copies: boolean;
}

/** The first obstacle counts only where a linear operator stands behind it. */
function findPath(graph: Graph, site: FoldSite, options: FoldOptions): Path | FoldRefusal {
  const index = indexOf(graph);
  const between: Step[] = [];
  let obstacle: Refusal | undefined;
  let shared: Refusal | undefined;
  let affine = site.affine;
  let reader = site.node;
  let value = site.input;
  for (let length = 0; length < LONGEST_PATH; length++) {
    const node = index.producer(value);
    if (node === undefined) break;
    const others = otherReader(graph, node, value, reader);
    shared ??= others;
    const operator = linearOperator(node);
    if (operator !== undefined) {
      // A copy of a BatchNorm would leave as many as there were.
      const copies = options.duplicateProducer && !isBatchNormalization(node);
      const reason = copies ? obstacle : (shared ?? obstacle);
      if (reason !== undefined) return { ...reason, near: true };
      const layer = operator.seenFromOutput(graph, node);
      if (isRefusal(layer)) return { ...layer, near: true };
      return { layer, affine, between, copies: shared !== undefined };
    }
    if (isMovement(node)) {
      const moved = followChannels(graph, node, affine, "up");
      if (isRefusal(moved)) obstacle ??= moved;
      else affine = moved;
      between.push({ node, moves: true, inputPosition: 0 });
      value = node.input[0] ?? "";
    } else {
      const arithmetic = readConstantAffine(graph, node);
      if (arithmetic === undefined) return { ...nothingThere(graph, site.input), near: false };
      if (isRefusal(arithmetic)) return { ...arithmetic, near: true };
      const both = composed(affine, arithmetic.affine);
      if (both === undefined) obstacle ??= crossing(site, affine, node);
      else affine = both;
      between.push({ node, moves: false, inputPosition: arithmetic.inputPosition });
      value = arithmetic.input;
    }
    reader = node;
  }
  return { ...nothingThere(graph, site.input), near: false };
}

/** Anybody else who reads the value would get the changed one. */
function otherReader(graph: Graph, node: Node, value: string, reader: Node): Refusal | undefined {
  if (hasOneReader(graph, value)) return undefined;
  const index = indexOf(graph);
  const result = `The output of ${nodeLabel(node)} (${value})`;
  const remedy = "the option duplicateProducer folds into a copy";
  if (index.isOutput(value))
    return refuse(`${result} is an output of the model as well; ${remedy}.`);
  if (index.readByBody(value)) {
    return refuse(`${result} has another consumer inside a subgraph; ${remedy}.`);
  }
  const other = index.uses(value).find((use) => use.node !== reader);
  return other === undefined
    ? refuse(`${result} is also a parameter of its consumer ${siteId(reader)}.`)
    : refuse(`${result} has another consumer, ${nodeLabel(other.node)}; ${remedy}.`);
}

function nothingThere(graph: Graph, input: string): Refusal {
  const producer = indexOf(graph).producer(input);
  const source =
    producer === undefined ? `is the model's input ${input}` : `comes from ${nodeLabel(producer)}`;
  return refuse(`Its input ${source}, which has no weights to fold into.`);
}

function crossing(site: FoldSite, affine: ChannelAffine, node: Node): Refusal {
  return refuse(
    `${nodeLabel(node)}, which lies between, acts along another axis than axis ${affine.axis} of ${siteId(site.node)}.`,
  );
}

function axisReason(site: FoldSite, affine: ChannelAffine, { node, axis, channels }: LinearLayer) {
  const count = affine.scale.length;
  return affine.axis === axis
    ? refuse(
        `${nodeLabel(node)} has ${channels} output channels, ${siteId(site.node)} has ${count} numbers.`,
      )
    : refuse(
        `${siteId(site.node)} acts along axis ${affine.axis} of the output of ${nodeLabel(node)}, whose channels lie along axis ${axis}.`,
      );
}

/**
 * The last node that stays takes the site's output name. Every value before it has other numbers
 * than before, and so gets a name of its own: a name means the same in both graphs.
 */
function changes(
  site: FoldSite,
  { layer, affine, between, copies }: Path,
  absorption: Absorption,
  names: TensorNames,
): GraphChanges {
  const replace = new Map<Node, readonly Node[]>();
  const moved: Node[] = [];
  let output = site.output;
  for (const { node, moves } of between) {
    if (!moves) {
      if (!copies) replace.set(node, []);
      continue;
    }
    const input = names.builder.freshName(changedStem(node.input[0] ?? ""));
    const name = copies ? names.builder.freshName(changedStem(siteId(node))) : node.name;
    const changed = changeNode(node, {
      name,
      input: [input, ...node.input.slice(1)],
      output: [output],
    });
    if (!copies) replace.set(node, [changed]);
    moved.unshift(changed);
    output = input;
  }
  const last = between.at(-1)?.node;
  const add = !copies && hasShift(affine) && last?.opType === "Add" ? last : undefined;
  const built = absorption.build({ names, output, add });
  for (const [node, nodes] of built.replace ?? []) replace.set(node, nodes);
  if (copies) {
    const copied = built.nodes.map((node) =>
      node.name === layer.node.name
        ? changeNode(node, { name: names.builder.freshName(changedStem(siteId(node))) })
        : node,
    );
    replace.set(site.node, [...copied, ...moved]);
  } else {
    replace.set(site.node, []);
    const lent = add !== undefined && absorption.appends;
    replace.set(layer.node, lent ? built.nodes.slice(0, -1) : built.nodes);
    if (lent) replace.set(add, built.nodes.slice(-1));
  }
  return { replace, initializers: built.initializers };
}
