import type { Graph } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import type { ActivationStatistics } from "../protocol/training.ts";
import type { RuntimeTensor } from "../runtime/runtime.ts";
import { activationStatistics, type DeadWhen } from "../statistics/activation-statistics.ts";
import { equalEdges } from "../statistics/histogram.ts";
import { momentsOf } from "../statistics/moments.ts";
import { quantiles } from "../statistics/quantiles.ts";
import { nonlinearityInputs } from "./activations.ts";

/**
 * Names of values for names of nodes or values; a node stands for its first output.
 *
 * @param names "auto" takes what enters the nonlinearities.
 * @param field where the names were given, for the message.
 */
export function resolveValues(
  graph: Graph,
  names: "auto" | readonly string[],
  field: string,
): readonly string[] {
  if (names === "auto") return nonlinearityInputs(graph);
  const index = indexOf(graph);
  const byNode = new Map(graph.nodes.map((node) => [node.name, node.output[0] ?? ""]));
  const values = names.map((name) => {
    if (index.producer(name) !== undefined || index.isInput(name)) return name;
    const output = name === "" ? undefined : byNode.get(name);
    if (output === undefined) {
      throw new InputError(`${field}: the model has no node or value "${name}"`);
    }
    return output;
  });
  const position = (value: string) => {
    const producer = index.producer(value);
    return producer === undefined ? -1 : index.position(producer);
  };
  return [...new Set(values)].sort((a, b) => position(a) - position(b));
}

/** Before ReLUs alone a unit is dead when nothing of it passes, elsewhere when it is zero. */
export function deadWhen(graph: Graph, value: string): DeadWhen {
  const uses = indexOf(graph).uses(value);
  const rectified = uses.length > 0 && uses.every((use) => use.node.opType === "Relu");
  return rectified ? "not-positive" : "zero";
}

/**
 * Statistics of the watched values, epoch after epoch over the same edges.
 *
 * The edges are set at the first epoch: the range of its values, half that range wider on either
 * side. What leaves them later is counted below and above.
 */
export class WatchedValues {
  readonly #edges = new Map<string, Float64Array>();

  /** @param edges of a run that goes on; set at the first epoch where left out. */
  constructor(
    readonly graph: Graph,
    readonly bins: number,
    edges: Readonly<Record<string, readonly number[]>> = {},
  ) {
    for (const [name, values] of Object.entries(edges)) {
      this.#edges.set(name, Float64Array.from(values));
    }
  }

  get edges(): Readonly<Record<string, readonly number[]>> {
    return Object.fromEntries([...this.#edges].map(([name, values]) => [name, [...values]]));
  }

  statistics(values: ReadonlyMap<string, RuntimeTensor>): readonly ActivationStatistics[] {
    return [...values].map(([name, value]) => {
      const numbers = asFloat32(name, value);
      const edges = this.#edges.get(name) ?? widenedEdges(numbers, this.bins);
      this.#edges.set(name, edges);
      const activations = {
        name,
        shape: value.dims,
        values: numbers,
        deadWhen: deadWhen(this.graph, name),
      };
      return activationStatistics(activations, { edges });
    });
  }
}

function widenedEdges(values: Float32Array, bins: number): Float64Array {
  const { min, max } = momentsOf(values);
  const margin = (max - min) / 2;
  return equalEdges(min - margin, max + margin, bins);
}

/** The numbers of a tensor the runtime returned. @throws InputError where they are none. */
export function asFloat32(name: string, tensor: RuntimeTensor): Float32Array {
  if (tensor.data instanceof Float32Array) return tensor.data;
  if (tensor.type === "float16") {
    throw new InputError(`value ${name}: is float16, of which no statistics are taken`);
  }
  return Float32Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** The 15th, 50th and 85th percentile, as in figure 1 of Ioffe and Szegedy (2015). */
export function percentiles(values: Float32Array): [p15: number, p50: number, p85: number] {
  return quantiles(values, [0.15, 0.5, 0.85]) as [number, number, number];
}
