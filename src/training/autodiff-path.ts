import { isFloatingPoint } from "../graph/data-type.ts";
import type { Graph } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import type { ValueType } from "../operators/operator.ts";

/**
 * Values that depend on the given ones through floating-point numbers, those themselves included.
 * Shapes, positions and truths carry no gradient, so a path ends where a value is of such a type.
 */
export function dependents(
  graph: Graph,
  sources: readonly string[],
  types: ReadonlyMap<string, ValueType>,
): ReadonlySet<string> {
  const reached = new Set(sources);
  for (const node of graph.nodes) {
    if (!node.input.some((input) => reached.has(input))) continue;
    for (const output of node.output) {
      const type = types.get(output);
      if (output !== "" && (type === undefined || isFloatingPoint(type.dataType))) {
        reached.add(output);
      }
    }
  }
  return reached;
}

/** Values that a graph output needs, the outputs included. */
export function ancestorsOfOutputs(graph: Graph): ReadonlySet<string> {
  const index = indexOf(graph);
  const needed = new Set<string>();
  const pending = graph.outputs.map((output) => output.name);
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (needed.has(value)) continue;
    needed.add(value);
    pending.push(...(index.producer(value)?.input ?? []));
  }
  return needed;
}
