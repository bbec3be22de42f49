type Numbers = Float32Array | Float64Array;

/**
 * Quantiles of values that are sorted already, by linear interpolation between the two nearest:
 * position p·(n − 1), definition 7 of R. Hyndman and Y. Fan, "Sample quantiles in statistical
 * packages" (1996), which is numpy's default. NaN for no values.
 */
export function quantilesOfSorted(sorted: Numbers, probabilities: readonly number[]): number[] {
  return interpolated(sorted.length, probabilities, (place) => sorted[place] as number);
}

/** @param at the value at a place of the ascending order, from 0. */
function interpolated(
  count: number,
  probabilities: readonly number[],
  at: (place: number) => number,
): number[] {
  return probabilities.map((probability) => {
    if (count === 0) return Number.NaN;
    const position = probability * (count - 1);
    const lower = Math.floor(position);
    const low = at(lower);
    return low + (at(Math.min(lower + 1, count - 1)) - low) * (position - lower);
  });
}

/** The finite values in ascending order, as a copy. */
export function sortedFinite<Values extends Numbers>(values: Values): Values {
  const sorted = values.slice().sort() as Values;
  // Sorting puts −∞ first, +∞ and then NaN last.
  let start = 0;
  let end = sorted.length;
  while (start < end && sorted[start] === Number.NEGATIVE_INFINITY) start++;
  while (end > start && !Number.isFinite(sorted[end - 1])) end--;
  return sorted.subarray(start, end) as Values;
}

/** Leading bits of a number's key: sign, exponent and two of its fraction, four buckets between 1 and 2. */
const BUCKET_BITS = 11;

/**
 * Quantiles of the finite values, as quantilesOfSorted gives them. Only the buckets that a quantile
 * falls into are sorted, which takes about half the time of sorting all.
 */
export function quantiles(values: Float32Array, probabilities: readonly number[]): number[] {
  const keys = ascendingKeys(values);
  const starts = bucketStarts(keys);
  const sortedBuckets = new Map<number, Uint32Array>();
  const at = (place: number) => {
    let bucket = 0;
    while ((starts[bucket + 1] as number) <= place) bucket++;
    const start = starts[bucket] as number;
    const sorted =
      sortedBuckets.get(bucket) ??
      keysOfBucket(keys, bucket, (starts[bucket + 1] as number) - start).sort();
    sortedBuckets.set(bucket, sorted);
    return numberOf(sorted[place - start] as number);
  };
  return interpolated(keys.length, probabilities, at);
}

/**
 * Whole numbers in the order of the finite values: a float32's bits as they are compare like its size,
 * so those of the negative ones are turned over.
 */
function ascendingKeys(values: Float32Array): Uint32Array {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const keys = new Uint32Array(values.length);
  let count = 0;
  for (let index = 0; index < bits.length; index++) {
    const value = bits[index] as number;
    // All bits of the exponent are set in infinities and NaN.
    if ((value & 0x7f80_0000) === 0x7f80_0000) continue;
    keys[count++] = value < 0 ? ~value : value | 0x8000_0000;
  }
  return keys.subarray(0, count);
}

function numberOf(key: number): number {
  const bits = key >= 0x8000_0000 ? key & 0x7fff_ffff : ~key;
  return new Float32Array(Int32Array.of(bits).buffer)[0] as number;
}

/** How many keys stand before each bucket; one number more than buckets. */
function bucketStarts(keys: Uint32Array): Uint32Array {
  const starts = new Uint32Array(2 ** BUCKET_BITS + 1);
  for (let index = 0; index < keys.length; index++) {
    const bucket = (keys[index] as number) >>> (32 - BUCKET_BITS);
    starts[bucket + 1] = (starts[bucket + 1] as number) + 1;
  }
  for (let bucket = 0; bucket + 1 < starts.length; bucket++) {
    starts[bucket + 1] = (starts[bucket + 1] as number) + (starts[bucket] as number);
  }
  return starts;
}

function keysOfBucket(keys: Uint32Array, bucket: number, count: number): Uint32Array {
  const own = new Uint32Array(count);
  let filled = 0;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as number;
    if (key >>> (32 - BUCKET_BITS) === bucket) own[filled++] = key;
  }
  return own;
}
