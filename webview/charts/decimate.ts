/**
 * At most about limit points for drawing. Every kept point is a real one: the first, the last and,
 * of each stretch between them, the lowest and the highest, so a spike survives.
 */
export function decimate<Point>(
  points: readonly Point[],
  limit: number,
  valueAt: (point: Point) => number,
): readonly Point[] {
  if (points.length <= limit || limit < 4) return points;
  const stretches = Math.floor((limit - 2) / 2);
  const inner = points.length - 2;
  const kept = new Set<number>([0]);
  for (let stretch = 0; stretch < stretches; stretch++) {
    const from = 1 + Math.floor((stretch * inner) / stretches);
    const to = 1 + Math.floor(((stretch + 1) * inner) / stretches);
    let lowest = from;
    let highest = from;
    for (let index = from; index < to; index++) {
      const value = valueAt(points[index] as Point);
      // A NaN is kept where it is first seen, so that its gap is not drawn over.
      if (Number.isNaN(value)) kept.add(index);
      if (value < valueAt(points[lowest] as Point)) lowest = index;
      if (value > valueAt(points[highest] as Point)) highest = index;
    }
    kept.add(lowest).add(highest);
  }
  kept.add(points.length - 1);
  return [...kept].sort((a, b) => a - b).map((index) => points[index] as Point);
}
