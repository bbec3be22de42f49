import { InputError } from "../graph/input-error.ts";
import type { ValueBatch } from "../passes/sample-runs.ts";

/** More numbers than this, all runs' means together, are refused: 512 MB. */
const MOST_NUMBERS = 2 ** 25;

/**
 * Mean and variance over runs of each output of each sample, by Welford's recurrence in float64:
 *
 *   δ = y − mean,  mean ← mean + δ/n,  M2 ← M2 + δ·(y − mean),  variance = M2/(n − 1)
 */
export class PredictionMoments {
  readonly #value: string;
  readonly #samples: number;
  #width = 0;
  #means = new Float64Array(0);
  #squares = new Float64Array(0);
  readonly #runs: Int32Array;

  constructor(value: string, samples: number) {
    this.#value = value;
    this.#samples = samples;
    this.#runs = new Int32Array(samples);
  }

  /**
   * @param asProbabilities takes the softmax of each sample's outputs first.
   * @throws InputError where the value is not one row a sample or too large to keep.
   */
  add({ values, count, start }: ValueBatch, asProbabilities: boolean): void {
    const value = values.get(this.#value);
    if (value === undefined) return;
    if (value.dims[0] !== count) {
      throw new InputError(
        `output ${this.#value}: has shape [${value.dims.join(", ")}] for ${count} samples; its first dimension must be the batch`,
      );
    }
    this.#allocate(value.data.length / count);
    for (let row = 0; row < count; row++) {
      const sample = start + row;
      const n = (this.#runs[sample] as number) + 1;
      this.#runs[sample] = n;
      const outputs = value.data.subarray(row * this.#width, (row + 1) * this.#width);
      const numbers = asProbabilities ? softmax(outputs) : outputs;
      for (let output = 0; output < this.#width; output++) {
        const y = numbers[output] as number;
        const at = sample * this.#width + output;
        const delta = y - (this.#means[at] as number);
        this.#means[at] = (this.#means[at] as number) + delta / n;
        this.#squares[at] =
          (this.#squares[at] as number) + delta * (y - (this.#means[at] as number));
      }
    }
  }

  /** Outputs of one sample. */
  get width(): number {
    return this.#width;
  }

  mean(sample: number): Float64Array {
    return this.#means.subarray(sample * this.#width, (sample + 1) * this.#width);
  }

  /** Standard deviation of each output over the runs; zeros after a single run. */
  deviation(sample: number): Float64Array {
    const free = Math.max((this.#runs[sample] as number) - 1, 1);
    return this.#squares
      .slice(sample * this.#width, (sample + 1) * this.#width)
      .map((square) => Math.sqrt(square / free));
  }

  #allocate(width: number): void {
    if (this.#width === width) return;
    if (width * this.#samples > MOST_NUMBERS) {
      throw new InputError(
        `output ${this.#value}: ${width} numbers for each of ${this.#samples} samples are more than can be kept; give fewer samples`,
      );
    }
    this.#width = width;
    this.#means = new Float64Array(width * this.#samples);
    this.#squares = new Float64Array(width * this.#samples);
  }
}

/** exp(z_k − max z)/Σ_j exp(z_j − max z), in float64. */
function softmax(logits: Float32Array): Float64Array {
  const max = logits[largest(logits)] as number;
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - max));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Index of the largest number, the first of equals. */
export function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] as number) > (values[best] as number)) best = index;
  }
  return best;
}

export function average(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index] as number;
  return sum / values.length;
}
