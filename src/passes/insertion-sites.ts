import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { nodeRole } from "../graph/node-role.ts";
import { activationFamily } from "../operators/nonlinearities.ts";
import type { Candidate } from "./candidates.ts";
import { siteId } from "./pass.ts";
import { type LayerPlace, layerPlaces, onlyReader, type PreActivation } from "./pre-activation.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";

/** "before" is between the linear layer and its nonlinearity, "after" behind the nonlinearity. */
export type NormalizationPlace = "before" | "after";

export interface InsertionOptions {
  readonly place: NormalizationPlace;
  /** Also behind layers that no nonlinearity follows. */
  readonly outputLayer: boolean;
}

export interface Insertion extends PreActivation {
  /** The nonlinearity that the normalization goes behind; undefined for place "before". */
  readonly behind: Node | undefined;
}

/** Every linear layer, and whether a normalization can be put behind it. */
export function insertionSites(
  graph: Graph,
  options: InsertionOptions,
): readonly Candidate<Insertion>[] {
  const readers = new ReaderTable(graph);
  return layerPlaces(graph).map((each) => ({
    node: each.layer,
    plan: insertion(graph, readers, each, options),
  }));
}

function insertion(
  graph: Graph,
  readers: ReaderTable,
  { layer, place }: LayerPlace,
  options: InsertionOptions,
): Insertion | Refusal {
  if (isRefusal(place)) return place;
  const { nonlinearity, normalization } = followers(readers, place.value);
  if (normalization !== undefined) return normalizedAlready(layer, normalization);
  if (nonlinearity === undefined) {
    return options.outputLayer && options.place === "before"
      ? { ...place, behind: undefined }
      : refuse(
          `No nonlinearity follows ${nodeLabel(layer)}${
            options.place === "before" ? "; the option outputLayer normalizes it all the same" : ""
          }.`,
        );
  }
  const reader = onlyReader(graph, place.value);
  const direct = reader !== undefined && activationFamily(reader) !== undefined;
  const result = direct ? (reader.output[0] ?? "") : "";
  const behind = indexOf(graph)
    .uses(result)
    .find(({ node }) => isNormalization(node));
  if (behind !== undefined) return normalizedAlready(layer, behind.node);
  if (options.place === "before") return { ...place, behind: undefined };
  if (direct) return { ...place, behind: reader };
  return refuse(
    `The nonlinearity after ${nodeLabel(layer)} is not one node that alone reads ${place.value}, so the place behind it is not known.`,
  );
}

function normalizedAlready(layer: Node, normalization: Node): Refusal {
  return refuse(`${nodeLabel(layer)} is followed by ${nodeLabel(normalization)} already.`);
}

/** Operators that a value passes on its way to what normalizes or bends it. */
const PASSED: ReadonlySet<string> = new Set([
  ..."Add Sub Mul Div Identity Cast Dropout Concat Pad Resize".split(" "),
  ..."Reshape Flatten Squeeze Unsqueeze Transpose".split(" "),
  ..."MaxPool AveragePool GlobalAveragePool GlobalMaxPool".split(" "),
]);

const NORMALIZATIONS: ReadonlySet<string> = new Set([
  ..."BatchNormalization InstanceNormalization LayerNormalization".split(" "),
  ..."GroupNormalization RMSNormalization".split(" "),
]);

/** Nodes behind a value that are looked at; a stream through a whole network is not followed. */
const MOST_NODES = 64;

export function isNormalization(node: Node): boolean {
  return NORMALIZATIONS.has(node.opType) || nodeRole(node) === "mean-only-batch-norm";
}

interface Followers {
  readonly nonlinearity?: Node;
  readonly normalization?: Node;
}

/** What reads a value, apart from layers: each value is looked at once, however many lead to it. */
interface Readers extends Followers {
  /** Values of the nodes that pass it on, a list for each. */
  readonly passed: readonly (readonly string[])[];
}

/** The first reader of each kind of a value. */
class ReaderTable {
  readonly #graph: Graph;
  readonly #known = new Map<string, Readers>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  of(value: string): Readers {
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const nodes = indexOf(this.#graph)
      .uses(value)
      .map(({ node }) => node);
    const normalization = nodes.find(isNormalization);
    const nonlinearity = nodes.find((node) => activationFamily(node) !== undefined);
    const passed = nodes
      .filter(({ opType }) => PASSED.has(opType))
      .slice(0, MOST_NODES)
      .map(({ output }) => output);
    const found: Readers = {
      ...(normalization === undefined ? {} : { normalization }),
      ...(nonlinearity === undefined ? {} : { nonlinearity }),
      passed,
    };
    this.#known.set(value, found);
    return found;
  }
}

/**
 * What comes first behind a value and before another layer: a normalization or a nonlinearity, the
 * fewest nodes away; the normalization where both read the same value.
 */
function followers(readers: ReaderTable, value: string): Followers {
  const open = [value];
  const seen = new Set(open);
  let nodes = 0;
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { normalization, nonlinearity, passed } = readers.of(next);
    if (normalization !== undefined) return { normalization };
    if (nonlinearity !== undefined) return { nonlinearity };
    for (const outputs of passed) {
      if (++nodes > MOST_NODES) break;
      for (const output of outputs) if (!seen.has(output)) open.push(output);
      for (const output of outputs) seen.add(output);
    }
  }
  return {};
}

/** How menus call the site; what the pass puts in is called by the given words. */
export function insertionTitle({ behind, layer }: Insertion, words: string): string {
  return `Insert ${words} behind ${siteId(behind ?? layer)}`;
}
