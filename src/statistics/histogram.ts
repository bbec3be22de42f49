/** Counts between fixed edges, with the mass outside them; NaN is counted nowhere. */
export interface Histogram {
  /** counts.length + 1 ascending edges of equal distance; [a, b) each, the last [a, b]. */
  readonly edges: Float64Array;
  readonly counts: Float64Array;
  below: number;
  above: number;
}

type Numbers = Float32Array | Float64Array;

/**
 * Edges of equal distance from min to max. Where the two are the same, or not finite, one half on
 * either side, as numpy has it.
 */
export function equalEdges(min: number, max: number, bins: number): Float64Array {
  let [low, high] = Number.isFinite(min) && Number.isFinite(max) ? [min, max] : [0, 0];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const edges = Float64Array.from(
    { length: bins + 1 },
    (_, index) => low + (index * (high - low)) / bins,
  );
  edges[bins] = high;
  return edges;
}

export function emptyHistogram(edges: Float64Array): Histogram {
  return { edges, counts: new Float64Array(edges.length - 1), below: 0, above: 0 };
}

/** Counts values into a histogram; may be called again and again. */
export function addToHistogram(histogram: Histogram, values: Numbers): void {
  const { edges, counts } = histogram;
  const bins = counts.length;
  const low = edges[0] as number;
  const high = edges[bins] as number;
  const perUnit = bins / (high - low);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (value < low) histogram.below++;
    else if (value > high) histogram.above++;
    else if (value >= low) {
      let bin = Math.min(Math.floor((value - low) * perUnit), bins - 1);
      // The product may round across an edge; the edges themselves decide.
      if (value < (edges[bin] as number)) bin--;
      else if (bin < bins - 1 && value >= (edges[bin + 1] as number)) bin++;
      counts[bin] = (counts[bin] as number) + 1;
    }
  }
}
