import { changeNode, type GraphChanges } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import type { Tensor } from "../graph/tensor.ts";
import { alongAxis, type ChannelAffine, composed, hasShift } from "./channel-affine.ts";
import { followChannels, isMovement } from "./channel-tracking.ts";
import { readConstantAffine } from "./constant-affine.ts";
import {
  changedStem,
  type Fold,
  type FoldPattern,
  type FoldRefusal,
  type FoldSite,
} from "./fold-pattern.ts";
import { type KeptShift, keptShift, remainder } from "./kept-shift.ts";
import type { Absorption, LinearLayer, TensorNames } from "./linear-layer.ts";
import { linearOperator } from "./linear-operators.ts";
import { siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";

/** Nodes between a site and the operators after it; more are a file made to be slow. */
const MOST_NODES = 256;

/**
 * Site → linear operators, with nothing between them but nodes that only move elements (a channel
 * that Flatten merges with its positions is repeated for each of them) and arithmetic with
 * constants, which composes with the site:
 *
 *   site → Flatten → Gemm   becomes   Flatten → Gemm′
 *
 * Everyone who reads the result has to take the site up. Where an operator takes the scale and not
 * the shift (zero padding), the shift stays as an Add in front: a·x + b = a·(x + b/a).
 */
export const foldForward: FoldPattern = (graph, site) => {
  const whole = collect(graph, site, site.affine);
  if (!("near" in whole)) return fold(graph, site, whole, undefined);
  // Where the scale is taken up already, keeping the shift would change nothing.
  const shiftAlone = site.remainder !== undefined && site.affine.scale.every((a) => a === 1);
  if (whole.shiftOnly !== true || shiftAlone) return whole;
  const kept = keptShift(graph, site);
  if (isRefusal(kept)) return { ...kept, near: true };
  const scale = collect(graph, site, { ...site.affine, shift: site.affine.shift.map(() => 0) });
  return "near" in scale ? whole : fold(graph, site, scale, kept);
};

/** What happens to one node after the site. */
interface Reader {
  readonly node: Node;
  readonly position: number;
}

interface Leaf extends Reader {
  readonly layer: LinearLayer;
  readonly absorption: Absorption;
}

interface Readers {
  readonly leaves: readonly Leaf[];
  /** Nodes that stay and carry the values without the site. */
  readonly movements: readonly Reader[];
  /** Arithmetic that composes with the site. */
  readonly arithmetic: readonly Reader[];
}

interface CollectRefusal extends FoldRefusal {
  /** Only a shift is in the way. */
  readonly shiftOnly?: boolean;
}

/** Everyone who reads the site's result, directly or moved. */
function collect(graph: Graph, site: FoldSite, affine: ChannelAffine): Readers | CollectRefusal {
  const index = indexOf(graph);
  const leaves: Leaf[] = [];
  const movements: Reader[] = [];
  const arithmetic: Reader[] = [];
  let obstacle: (Refusal & { readonly shiftOnly?: boolean }) | undefined;
  let linear = false;
  const queue = [{ value: site.output, affine }];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const uses = index.uses(next.value);
    const own = valueObstacle(graph, site, next.value);
    if (own !== undefined) obstacle ??= own;
    if (leaves.length + movements.length + arithmetic.length + uses.length > MOST_NODES) {
      obstacle ??= refuse(`The result of ${siteId(site.node)} has more readers than are followed.`);
      break;
    }
    for (const { node, input: position } of uses) {
      const reader = { node, position };
      const [output = ""] = node.output;
      if (linearOperator(node) !== undefined) {
        linear = true;
        const leaf = asLeaf(graph, site, reader, next.affine);
        if (isRefusal(leaf)) obstacle = worse(obstacle, leaf);
        else leaves.push(leaf);
        continue;
      }
      const after = passedOn(graph, site, reader, next.affine);
      if (isRefusal(after)) {
        obstacle = worse(obstacle, after);
        continue;
      }
      (isMovement(node) ? movements : arithmetic).push(reader);
      queue.push({ value: output, affine: after });
    }
  }
  if (obstacle !== undefined) return { near: linear, ...obstacle };
  if (!linear) return { ...refuse(`Nothing linear reads ${site.output}.`), near: false };
  return { leaves, movements, arithmetic };
}

/** An obstacle that keeping the shift does not clear counts more. */
function worse<Obstacle extends Refusal & { readonly shiftOnly?: boolean }>(
  first: Obstacle | undefined,
  second: Obstacle,
): Obstacle {
  return first === undefined || (first.shiftOnly === true && second.shiftOnly !== true)
    ? second
    : first;
}

function valueObstacle(graph: Graph, site: FoldSite, value: string): Refusal | undefined {
  const index = indexOf(graph);
  const result = value === site.output ? `The result of ${siteId(site.node)} (${value})` : value;
  if (index.isOutput(value)) return refuse(`${result} is an output of the model.`);
  if (index.readByBody(value)) return refuse(`${result} is read inside a subgraph.`);
  return index.uses(value).length === 0 ? refuse(`Nobody reads ${value}.`) : undefined;
}

/** What acts behind a movement or constant arithmetic when the site in front of it goes. */
function passedOn(
  graph: Graph,
  site: FoldSite,
  { node, position }: Reader,
  affine: ChannelAffine,
): ChannelAffine | Refusal {
  if (isMovement(node) && position === 0) return followChannels(graph, node, affine, "down");
  const arithmetic = readConstantAffine(graph, node);
  if (arithmetic === undefined) {
    return refuse(
      `The result of ${siteId(site.node)} goes to ${nodeLabel(node)}, which has no weights to fold into.`,
    );
  }
  if (isRefusal(arithmetic)) return arithmetic;
  return (
    composed(arithmetic.affine, affine) ??
    refuse(
      `${nodeLabel(node)}, which lies between, acts along another axis than axis ${affine.axis} of ${siteId(site.node)}.`,
    )
  );
}

function asLeaf(
  graph: Graph,
  site: FoldSite,
  { node, position }: Reader,
  affine: ChannelAffine,
): Leaf | (Refusal & { readonly shiftOnly?: boolean }) {
  const readsTwice = node.input.filter((value) => value === node.input[position]).length > 1;
  if (readsTwice) return refuse(`${nodeLabel(node)} reads ${node.input[position]} twice.`);
  const layer = linearOperator(node)?.seenFromInput(graph, node, position);
  if (layer === undefined) return refuse(`${nodeLabel(node)} is not linear.`);
  if (isRefusal(layer)) return layer;
  const pairs = alongAxis(affine, layer.axis, layer.channels);
  if (pairs === undefined) {
    return refuse(
      `${siteId(site.node)} acts along axis ${affine.axis} of the input of ${nodeLabel(node)}, whose ${layer.channels} channels lie along axis ${layer.axis}.`,
    );
  }
  if (typeof layer.shift !== "string" && hasShift(pairs))
    return { ...layer.shift, shiftOnly: true };
  const absorption = layer.absorb(pairs);
  return isRefusal(absorption) ? absorption : { node, position, layer, absorption };
}

function fold(graph: Graph, site: FoldSite, readers: Readers, kept: KeptShift | undefined): Fold {
  const { leaves, movements, arithmetic } = readers;
  const appended = leaves.filter(({ absorption }) => absorption.appends).length;
  return {
    into: (leaves[0] as Leaf).node,
    touches: [
      site.node,
      ...[...leaves, ...movements, ...arithmetic].map(({ node }) => node),
      ...leaves.flatMap(({ absorption }) => absorption.touches),
    ],
    addedNodes: appended - arithmetic.length - ((kept ?? site.remainder) ? 0 : 1),
    outputs: leaves.flatMap(({ node }) => node.output.slice(0, 1)),
    changes: (builder) => changes(graph, site, readers, kept, { builder, copies: false }),
  };
}

/** Readers read the site's input instead, under a name of its own wherever numbers change. */
function changes(
  graph: Graph,
  site: FoldSite,
  { leaves, movements, arithmetic }: Readers,
  kept: KeptShift | undefined,
  names: TensorNames,
): GraphChanges {
  const { nodes, initializers: added, output } = remainder(graph, site, kept, names);
  const replace = new Map<Node, readonly Node[]>([[site.node, nodes]]);
  const initializers: Tensor[] = [...added];
  const renamed = new Map([[site.output, output]]);
  const current = (value: string) => renamed.get(value) ?? value;
  // Movements and arithmetic were found in an order in which each follows what it reads.
  const inOrder = [...movements, ...arithmetic].sort(
    (a, b) => indexOf(graph).position(a.node) - indexOf(graph).position(b.node),
  );
  for (const { node, position } of inOrder) {
    const [output = ""] = node.output;
    const input = current(node.input[position] ?? "");
    if (!movements.some((movement) => movement.node === node)) {
      renamed.set(output, input);
      replace.set(node, []);
      continue;
    }
    const name = names.builder.freshName(changedStem(output));
    renamed.set(output, name);
    replace.set(node, [
      changeNode(node, { input: [input, ...node.input.slice(1)], output: [name] }),
    ]);
  }
  for (const { node, position, absorption } of leaves) {
    const value = current(node.input[position] ?? "");
    const place = { names, input: { position, value }, output: node.output[0] ?? "" };
    const built = absorption.build(place);
    replace.set(node, built.nodes);
    for (const [old, nodes] of built.replace ?? []) replace.set(old, nodes);
    initializers.push(...built.initializers);
  }
  return { replace, initializers };
}
