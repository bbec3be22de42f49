import { readFloat64 } from "../graph/numbers.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import { type OutputUnits, unitShape } from "../operators/output-units.ts";
import { forEachUnitValue } from "../operators/unit-sums.ts";

/** What the weights of one output unit add up to, in float64. */
export interface UnitSums {
  /** n: how many weights the unit has. */
  readonly count: number;
  /** Σw². */
  readonly squares: number;
  /** Σ|w|. */
  readonly magnitudes: number;
  /** Σw⁴. */
  readonly fourths: number;
  /** max|w|. */
  readonly largest: number;
}

/** One entry a unit, row-major over the axes along which units lie. */
export function unitSums(tensor: Tensor, units: OutputUnits): readonly UnitSums[] {
  const length = elementCount(unitShape(units));
  const sums = Array.from({ length }, () => ({
    count: 0,
    squares: 0,
    magnitudes: 0,
    fourths: 0,
    largest: 0,
  }));
  forEachUnitValue(readFloat64(tensor), units, (number, value) => {
    const unit = sums[number];
    if (unit === undefined) return;
    const [magnitude, square] = [Math.abs(value), value * value];
    unit.count++;
    unit.squares += square;
    unit.magnitudes += magnitude;
    unit.fourths += square * square;
    if (magnitude > unit.largest) unit.largest = magnitude;
  });
  return sums;
}
