import type { Dimension } from "../graph/builder.ts";
import { UNKNOWN_SIZE } from "./operator.ts";

/** The sizes as numbers, or undefined when one of them is known only by name. */
export function staticShape(shape: readonly Dimension[]): readonly number[] | undefined {
  return shape.every((size) => typeof size === "number") ? shape : undefined;
}

/** Position of an axis counted from the end when negative. */
export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export function sameSize(left: Dimension, right: Dimension): boolean {
  return left === right && left !== UNKNOWN_SIZE;
}

/** Multidirectional (NumPy) broadcasting; a name against another size is that size, or unknown. */
export function broadcastShapes(...shapes: readonly (readonly Dimension[])[]): Dimension[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) =>
    shapes
      .map((shape) => shape[axis - rank + shape.length] ?? 1)
      .reduce((left, right) => broadcastSize(left, right)),
  );
}

function broadcastSize(left: Dimension, right: Dimension): Dimension {
  if (left === 1 || left === right) return right;
  if (right === 1) return left;
  // A size over 1 leaves the other no choice but 1 or the same.
  if (typeof left === "number") return left;
  return typeof right === "number" ? right : UNKNOWN_SIZE;
}

export function sumOfSizes(sizes: readonly Dimension[]): Dimension {
  const named = sizes.filter((size) => size !== 0);
  if (named.length === 1) return named[0] as Dimension;
  return sizes.reduce((sum, size) =>
    typeof sum === "number" && typeof size === "number" ? sum + size : UNKNOWN_SIZE,
  );
}

export function productOfSizes(sizes: readonly Dimension[]): Dimension {
  return quotientOfSizes(sizes, []);
}

/**
 * Product of some sizes divided by the product of others, where it is a number or a single name:
 * (N·512·7·7) / (512·49) is N.
 */
export function quotientOfSizes(
  numerator: readonly Dimension[],
  denominator: readonly Dimension[],
): Dimension {
  if (numerator.includes(0)) return 0;
  const names = numerator.filter((size) => typeof size === "string");
  for (const size of denominator) {
    if (typeof size === "number") continue;
    const position = size === UNKNOWN_SIZE ? -1 : names.indexOf(size);
    if (position < 0) return UNKNOWN_SIZE;
    names.splice(position, 1);
  }
  const ratio = numberProduct(numerator) / numberProduct(denominator);
  if (!Number.isInteger(ratio) || names.length > 1) return UNKNOWN_SIZE;
  const name = names[0];
  if (name === undefined) return ratio;
  return ratio === 1 ? name : UNKNOWN_SIZE;
}

function numberProduct(sizes: readonly Dimension[]): number {
  return sizes.reduce<number>(
    (product, size) => (typeof size === "number" ? product * size : product),
    1,
  );
}

/** start, start + 1, … (count of them): axes and channel positions. */
export function rangeOf(count: number, start = 0): number[] {
  return Array.from({ length: count }, (_, index) => start + index);
}

/** The coordinates of all elements of a shape, in row-major order. */
export function coordinatesOf(shape: readonly number[]): number[][] {
  const count = shape.reduce((product, size) => product * size, 1);
  return Array.from({ length: count }, (_, position) => coordinates(position, shape));
}

/** The row-major position of coordinates. */
export function rowMajor(at: readonly number[], shape: readonly number[]): number {
  return shape.reduce((position, size, axis) => position * size + (at[axis] ?? 0), 0);
}

/** The coordinates of a row-major position. */
export function coordinates(position: number, shape: readonly number[]): number[] {
  let rest = position;
  const found = shape.map(() => 0);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    found[axis] = rest % size;
    rest = Math.floor(rest / size);
  }
  return found;
}
