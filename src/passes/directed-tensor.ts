import { constantValue } from "../graph/constants.ts";
import type { DataType } from "../graph/data-type.ts";
import type { Graph } from "../graph/graph.ts";
import { readFloat64, roundedTensor } from "../graph/numbers.ts";
import type { Tensor } from "../graph/tensor.ts";
import { rangeOf } from "../operators/shape-algebra.ts";
import {
  behindCarriers,
  directionNorm,
  type WeightNormalization,
} from "../operators/weight-normalization.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { scaledTensor } from "./scaled-tensor.ts";
import { unitLayout } from "./unit-layout.ts";

/**
 * w = g·v/‖v‖ as a tensor of this shape and type, each element rounded once.
 *
 * Where g is ‖v‖ within the rounding of g's own type, the factor is 1 within that rounding, and w is
 * v to the last bit. So a weight that was only written in this form comes back as it was.
 *
 * @returns a sentence about the first unit whose v has no direction, or why the form cannot be read.
 */
export function directedTensor(
  graph: Graph,
  form: WeightNormalization,
  type: { readonly dims: readonly number[]; readonly dataType: DataType },
): Tensor | Refusal | string {
  const direction = constantValue(graph, form.direction);
  const magnitude = constantValue(graph, form.magnitude);
  const norm = directionNorm(graph, form);
  if (direction === undefined || magnitude === undefined || norm === undefined) {
    return refuse(`The axes of the norm ${form.norm} are not constant.`);
  }
  const view = direction.dims;
  const shape = aligned(norm.dims, view.length);
  const fits = `${shape}` === `${aligned(magnitude.dims, view.length)}` && broadcasts(shape, view);
  const reduced = rangeOf(view.length).filter((axis) => shape[axis] === 1);
  const layout = fits ? unitLayout({ view, reduced }) : undefined;
  if (layout === undefined) {
    return refuse(
      `g (${form.magnitude}) has shape [${magnitude.dims}] and ‖v‖ [${norm.dims}], which is not one number for each unit of v [${direction.dims}].`,
    );
  }
  const lengths = readFloat64(norm);
  const unit = lengths.findIndex((length) => !(length > 0 && Number.isFinite(length)));
  if (unit >= 0) {
    return lengths[unit] === 0
      ? `all numbers of v (${form.direction}) in output unit ${unit} are zero, so that v/‖v‖ has no direction`
      : `v (${form.direction}) is not finite in output unit ${unit}`;
  }
  const stored = constantValue(graph, behindCarriers(graph, form.magnitude)) ?? magnitude;
  const rounded = readFloat64(roundedTensor("", norm.dims, stored.dataType, lengths));
  const scale = readFloat64(magnitude).map((g, each) =>
    g === rounded[each] ? 1 : g / (lengths[each] as number),
  );
  const typed = retyped(direction, type.dataType);
  // A tensor that stays the object it was is written as the file had it, external data included.
  const whole = `${typed.dims}` === `${type.dims}` ? typed : { ...typed, dims: type.dims };
  return scale.every((factor) => factor === 1) ? whole : scaledTensor("", whole, layout, scale);
}

/** Shapes are lined up at the right. */
function aligned(dims: readonly number[], rank: number): readonly number[] {
  return [...new Array<number>(Math.max(0, rank - dims.length)).fill(1), ...dims];
}

function broadcasts(shape: readonly number[], view: readonly number[]): boolean {
  return (
    shape.length === view.length && shape.every((size, axis) => size === 1 || size === view[axis])
  );
}

/** The same numbers in another type: v is normalized in float32 where it is stored in half of that. */
function retyped(tensor: Tensor, dataType: DataType): Tensor {
  if (tensor.dataType === dataType) return tensor;
  const { data } = roundedTensor("", tensor.dims, dataType, readFloat64(tensor));
  return { ...tensor, dataType, data };
}
