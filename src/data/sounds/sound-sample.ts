import { resample } from "./resample.ts";
import type { Sound } from "./wav.ts";

/** What a sound becomes as a sample. */
export interface SoundForm {
  /** Samples a second. */
  readonly rate: number;
  /** Samples; what is longer is cut, what is shorter ends in silence. */
  readonly length: number;
}

/** More input samples than the low-pass takes on one side, at the lower rate. */
const LOW_PASS_REACH = 40;

export function soundSample({ rate, values }: Sound, form: SoundForm): Float32Array {
  // What is cut off need not be resampled, but for what the low-pass reaches.
  const ratio = Math.max(1, rate / form.rate);
  const needed = Math.ceil((form.length * rate) / form.rate + LOW_PASS_REACH * ratio);
  const resampled = resample(values.subarray(0, needed), rate, form.rate);
  const sample = new Float32Array(form.length);
  sample.set(resampled.subarray(0, form.length));
  return sample;
}
