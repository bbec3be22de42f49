import type { Graph } from "../../graph/graph.ts";
import { elementCount } from "../../graph/tensor.ts";
import { inferShapes } from "../../operators/infer-shapes.ts";
import { UNKNOWN_SIZE } from "../../operators/operator.ts";
import type { SiteOutput } from "../../passes/pass.ts";
import type { BoundInput } from "./trial-inputs.ts";

/** Values of all sites that are held at a time; more sites are checked in several turns. */
const MOST_HELD_ELEMENTS = 2 ** 26;

/** Counted for a value whose shape is not known. */
const UNKNOWN_ELEMENTS = 2 ** 20;

/** Sites in groups whose values fit into memory, for all trials together. */
export function inTurns(
  graph: Graph,
  sites: readonly SiteOutput[],
  inputs: readonly Pick<BoundInput, "name" | "dims">[],
  trials: number,
): SiteOutput[][] {
  const shapes = inferShapes(graph, bindings(graph, inputs));
  const turns: SiteOutput[][] = [];
  let room = 0;
  for (const site of sites) {
    const shape = shapes
      .get(site.before)
      ?.shape.map((size) => (typeof size === "number" ? size : 1));
    const elements = (shape === undefined ? UNKNOWN_ELEMENTS : elementCount(shape)) * trials;
    if (elements > room || turns.length === 0) {
      turns.push([]);
      room = MOST_HELD_ELEMENTS;
    }
    turns.at(-1)?.push(site);
    room -= elements;
  }
  return turns;
}

/** What the sizes that a model names are, given the shapes of its inputs. */
function bindings(
  graph: Graph,
  inputs: readonly Pick<BoundInput, "name" | "dims">[],
): ReadonlyMap<string, number> {
  const dims = new Map(inputs.map((input) => [input.name, input.dims]));
  const bound = new Map<string, number>();
  for (const { name, type } of graph.inputs) {
    if (type?.value.case !== "tensorType") continue;
    for (const [axis, dim] of (type.value.value.shape?.dim ?? []).entries()) {
      const size = dims.get(name)?.[axis];
      if (size === undefined || dim.value.case === "dimValue") continue;
      bound.set(dim.value.case === "dimParam" ? dim.value.value : UNKNOWN_SIZE, size);
    }
  }
  return bound;
}
