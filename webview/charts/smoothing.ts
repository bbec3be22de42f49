import type { LinePoint } from "./model.ts";

/**
 * Exponential moving average without the pull towards the start: s_t = Σ w^(t−i)·y_i / Σ w^(t−i).
 * A NaN stays a gap and leaves the average alone.
 */
export function smooth(points: readonly LinePoint[], weight: number): readonly LinePoint[] {
  if (weight <= 0) return points;
  let sum = 0;
  let mass = 0;
  return points.map(({ x, y }) => {
    if (!Number.isFinite(y)) return { x, y: Number.NaN };
    sum = weight * sum + y;
    mass = weight * mass + 1;
    return { x, y: sum / mass };
  });
}
