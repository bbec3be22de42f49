import type { Graph } from "../graph/graph.ts";
import { keptWithGraph } from "../graph/kept-with-graph.ts";
import { readFloat64 } from "../graph/numbers.ts";
import { float32Tensor, type Tensor } from "../graph/tensor.ts";
import {
  behindCarriers,
  directionNorm,
  type WeightNormalization,
  weightNormalization,
} from "../operators/weight-normalization.ts";

/** A weight normalization of a model, by the names of the initializers g and v. */
export interface StoredWeightNorm {
  readonly magnitude: string;
  readonly direction: string;
  readonly form: WeightNormalization;
}

/** Every w = g·v/‖v‖ of a model, in node order. */
export const weightNorms = keptWithGraph((graph): readonly StoredWeightNorm[] =>
  graph.nodes.flatMap((node) => {
    const form = weightNormalization(graph, node);
    if (form === undefined) return [];
    const magnitude = behindCarriers(graph, form.magnitude);
    const direction = behindCarriers(graph, form.direction);
    return [{ magnitude, direction, form }];
  }),
);

/**
 * g = ‖v‖ for other values of v, so that w = v; undefined where the norm's axes are not constant or
 * g has another number of elements.
 */
export function magnitudeOf(
  graph: Graph,
  { form, magnitude, direction }: StoredWeightNorm,
  values: Float32Array,
): Float32Array | undefined {
  const stored = graph.initializers.get(direction) as Tensor;
  const norm = directionNorm(graph, form, float32Tensor(direction, stored.dims, values));
  const lengths = norm && Float32Array.from(readFloat64(norm));
  const bytes = graph.initializers.get(magnitude)?.data.byteLength;
  return lengths?.byteLength === bytes ? lengths : undefined;
}
