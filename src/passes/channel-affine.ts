import type { AffineForm } from "./batch-normalization.ts";

/**
 * y = scale·x + shift with one pair of numbers for each position along one axis of a value, or one
 * pair for all of it (axis undefined, both of length 1).
 */
export interface ChannelAffine extends AffineForm {
  readonly axis: number | undefined;
}

/**
 * Both after each other: S·(s·x + t) + T = (S·s)·x + (S·t + T).
 *
 * @returns undefined where they lie along different axes.
 */
export function composed(after: ChannelAffine, before: ChannelAffine): ChannelAffine | undefined {
  const axis = after.axis ?? before.axis;
  const length = Math.max(after.scale.length, before.scale.length);
  const second = alongAxis(after, axis, length);
  const first = alongAxis(before, axis, length);
  if (first === undefined || second === undefined) return undefined;
  const scale = second.scale.map((value, c) => value * (first.scale[c] as number));
  const shift = second.scale.map(
    (value, c) => value * (first.shift[c] as number) + (second.shift[c] as number),
  );
  return { axis, scale, shift };
}

/** The pairs for a number of positions of an axis; undefined where they lie along another one. */
export function alongAxis(
  affine: ChannelAffine,
  axis: number | undefined,
  length: number,
): AffineForm | undefined {
  if (affine.axis !== undefined) {
    return affine.axis === axis && affine.scale.length === length ? affine : undefined;
  }
  return {
    scale: new Float64Array(length).fill(affine.scale[0] as number),
    shift: new Float64Array(length).fill(affine.shift[0] as number),
  };
}

export function hasShift(affine: AffineForm): boolean {
  return affine.shift.some((value) => value !== 0);
}

export function isIdentity(affine: AffineForm): boolean {
  return !hasShift(affine) && affine.scale.every((value) => value === 1);
}
