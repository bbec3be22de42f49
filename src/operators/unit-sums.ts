import { elementCount } from "../graph/tensor.ts";
import { type OutputUnits, unitShape } from "./output-units.ts";

/**
 * Σ f(x) over some axes, in float64 and in the order in which the elements are stored.
 *
 * @returns one sum for each position along the other axes, row-major.
 */
export function sumOverAxes(
  values: Float64Array,
  dims: readonly number[],
  axes: readonly number[],
  term: (value: number) => number,
): Float64Array {
  const units = { view: dims, reduced: axes };
  const sums = new Float64Array(elementCount(unitShape(units)));
  forEachUnitValue(values, units, (unit, value) => {
    sums[unit] = (sums[unit] as number) + term(value);
  });
  return sums;
}

/** ‖w‖ = √Σw² of each unit. */
export function unitNorms(values: Float64Array, { view, reduced }: OutputUnits): Float64Array {
  return sumOverAxes(values, view, reduced, (value) => value * value).map(Math.sqrt);
}

/** Calls back with each element in row-major order and the number of its unit. */
export function forEachUnitValue(
  values: Float64Array,
  units: OutputUnits,
  visit: (unit: number, value: number, position: number) => void,
): void {
  const { view } = units;
  const strides = unitStrides(units);
  // An odometer over the axes, so that no position has to be divided.
  const index = view.map(() => 0);
  let unit = 0;
  for (let position = 0; position < values.length; position++) {
    visit(unit, values[position] as number, position);
    for (let axis = view.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] as number;
      index[axis] = (index[axis] as number) + 1;
      unit += stride;
      if ((index[axis] as number) < (view[axis] as number)) break;
      unit -= stride * (view[axis] as number);
      index[axis] = 0;
    }
  }
}

/** How far the unit's number moves with a step along each axis; 0 along reduced ones. */
function unitStrides({ view, reduced }: OutputUnits): number[] {
  const shape = unitShape({ view, reduced });
  return view.map((_, axis) => (reduced.includes(axis) ? 0 : elementCount(shape.slice(axis + 1))));
}
