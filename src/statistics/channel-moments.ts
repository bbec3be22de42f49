import { type Moments, mergeMoments, momentsOf, NO_MOMENTS } from "./moments.ts";

/**
 * Moments of each channel over samples and positions, batch by batch.
 *
 * Each batch's are two-pass in float64 and merged by Chan, Golub and LeVeque's formula (see
 * moments.ts), so that they do not depend on how the samples are cut into batches.
 */
export class ChannelMoments {
  #moments: Moments[] = [];

  /** @param dims (N, C, …): channels along axis 1. */
  add(dims: readonly number[], values: Float32Array): void {
    const [samples = 0, channels = 0] = dims;
    const positions = dims.slice(2).reduce((product, size) => product * size, 1);
    if (this.#moments.length === 0) this.#moments = new Array(channels).fill(NO_MOMENTS);
    const gathered = new Float32Array(samples * positions);
    for (let channel = 0; channel < channels; channel++) {
      for (let sample = 0; sample < samples; sample++) {
        const start = (sample * channels + channel) * positions;
        if (positions === 1) gathered[sample] = values[start] as number;
        else gathered.set(values.subarray(start, start + positions), sample * positions);
      }
      const before = this.#moments[channel] as Moments;
      this.#moments[channel] = mergeMoments(before, momentsOf(gathered));
    }
  }

  /** One entry a channel; empty before the first batch. */
  get channels(): readonly Moments[] {
    return this.#moments;
  }
}
