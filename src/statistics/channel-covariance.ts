/** Mean and covariance of a value's channels, in float64. */
export interface Covariance {
  /** Numbers in each channel: samples times positions. */
  readonly count: number;
  /** C numbers. */
  readonly mean: Float64Array;
  /** C × C, row-major: Σ(x − mean)(x − mean)ᵀ/(count − 1). */
  readonly matrix: Float64Array;
}

/** Elements that are centred at a time: 8 MB of float64. */
const CHUNK_ELEMENTS = 2 ** 20;

/**
 * Covariance of the channels of a value over samples and positions, batch by batch.
 *
 * Each chunk is two-pass, the mean first; chunks are merged by the matrix form of Chan, Golub and
 * LeVeque (1983), eq. 2.1: M = Mᵃ + Mᵇ + δ·δᵀ·nᵃ·nᵇ/n with δ = meanᵇ − meanᵃ.
 */
export class ChannelCovariance {
  #count = 0;
  #mean: Float64Array;
  /** Σ(x − mean)(x − mean)ᵀ; only the upper triangle. */
  readonly #products: Float64Array;

  constructor(channels: number) {
    this.#mean = new Float64Array(channels);
    this.#products = new Float64Array(channels * channels);
  }

  /** @param dims (N, C, …): the channels along axis 1. */
  add(dims: readonly number[], values: Float32Array): void {
    const samples = dims[0] ?? 0;
    const channels = this.#mean.length;
    const positions = dims.slice(2).reduce((product, size) => product * size, 1);
    const together = Math.max(1, Math.floor(CHUNK_ELEMENTS / Math.max(1, channels * positions)));
    for (let start = 0; start < samples; start += together) {
      const end = Math.min(samples, start + together);
      this.#merge(byChannel(values, channels, positions, start, end), (end - start) * positions);
    }
  }

  /** @param rows C × count, one row a channel; it is overwritten. */
  #merge(rows: Float64Array, count: number): void {
    const channels = this.#mean.length;
    if (count === 0) return;
    const total = this.#count + count;
    const delta = centre(rows, channels, count).map((mean, c) => mean - (this.#mean[c] as number));
    const share = (this.#count * count) / total;
    for (let i = 0; i < channels; i++) {
      const row = rows.subarray(i * count, (i + 1) * count);
      for (let j = i; j < channels; j++) {
        const at = i * channels + j;
        const product = dot(row, rows, j * count);
        const between = (delta[i] as number) * (delta[j] as number) * share;
        this.#products[at] = (this.#products[at] as number) + product + between;
      }
    }
    this.#mean = this.#mean.map((mean, c) => mean + ((delta[c] as number) * count) / total);
    this.#count = total;
  }

  /** NaN wherever fewer than two numbers a channel were added. */
  result(): Covariance {
    const channels = this.#mean.length;
    const matrix = new Float64Array(channels * channels);
    for (let i = 0; i < channels; i++) {
      for (let j = i; j < channels; j++) {
        const value = (this.#products[i * channels + j] as number) / (this.#count - 1);
        matrix[i * channels + j] = value;
        matrix[j * channels + i] = value;
      }
    }
    return { count: this.#count, mean: this.#mean, matrix };
  }
}

/** (N, C, positions) from one sample to another as C rows. */
function byChannel(
  values: Float32Array,
  channels: number,
  positions: number,
  start: number,
  end: number,
): Float64Array {
  const count = (end - start) * positions;
  const rows = new Float64Array(channels * count);
  for (let sample = start; sample < end; sample++) {
    for (let channel = 0; channel < channels; channel++) {
      const from = (sample * channels + channel) * positions;
      const to = channel * count + (sample - start) * positions;
      for (let position = 0; position < positions; position++) {
        rows[to + position] = values[from + position] as number;
      }
    }
  }
  return rows;
}

/** Subtracts each row's mean from it. */
function centre(rows: Float64Array, channels: number, count: number): Float64Array {
  const means = new Float64Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const row = rows.subarray(channel * count, (channel + 1) * count);
    let sum = 0;
    for (const value of row) sum += value;
    const mean = sum / count;
    for (let index = 0; index < count; index++) row[index] = (row[index] as number) - mean;
    means[channel] = mean;
  }
  return means;
}

function dot(row: Float64Array, rows: Float64Array, start: number): number {
  let sum = 0;
  for (let index = 0; index < row.length; index++) {
    sum += (row[index] as number) * (rows[start + index] as number);
  }
  return sum;
}
