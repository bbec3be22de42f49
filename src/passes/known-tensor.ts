import { constantValue, isOverridable } from "../graph/constants.ts";
import { dataTypeName, isFloatingPoint } from "../graph/data-type.ts";
import type { Graph } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { exactFloat64 } from "./scaled-tensor.ts";

/**
 * The floating-point tensor behind a value, or why it is not known before the model runs.
 *
 * @param role what the value is to its reader, for example "weight of conv1".
 */
export function knownTensor(graph: Graph, value: string, role: string): Tensor | Refusal {
  const tensor = constantValue(graph, value);
  if (tensor === undefined) return refuse(unknownReason(graph, value, role));
  if (!isFloatingPoint(tensor.dataType)) {
    return refuse(
      `The ${role} (${value}) is stored as ${dataTypeName(tensor.dataType)}, not as floating point.`,
    );
  }
  return tensor;
}

/** A tensor's values as they were before any rounding of ours, or the sentence of the file that could not be read. */
export function knownValues(tensor: Tensor): Float64Array | Refusal {
  try {
    return exactFloat64(tensor);
  } catch (error) {
    if (error instanceof InputError) return refuse(`${error.message}.`);
    throw error;
  }
}

function unknownReason(graph: Graph, value: string, role: string): string {
  const root = throughIdentity(graph, value);
  const label = root === value ? value : `${value}, which is ${root}`;
  if (graph.initializers.has(root) && isOverridable(graph, root)) {
    return `The ${role} (${label}) can be overridden by the caller: it is a graph input as well, and has to be taken out of those first.`;
  }
  const index = indexOf(graph);
  const producer = index.producer(root);
  if (producer !== undefined) {
    return `The ${role} (${label}) is known only at run time: ${producer.opType} ${producer.name || root} computes it.`;
  }
  return index.isInput(root)
    ? `The ${role} (${label}) is known only at run time: it is a graph input.`
    : `The ${role} (${label}) is known only at run time.`;
}

/** The value that Identity nodes pass on; a cycle ends where it began. */
function throughIdentity(graph: Graph, value: string): string {
  const index = indexOf(graph);
  const seen = new Set<string>();
  let name = value;
  while (!seen.has(name)) {
    seen.add(name);
    const producer = index.producer(name);
    if (producer?.opType !== "Identity") return name;
    name = producer.input[0] ?? "";
  }
  return value;
}
