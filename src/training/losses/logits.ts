/** Softmax over one sample's logits, in float64, for measuring losses on validation batches. */

/** log softmax(z) = z − max − log Σ exp(z − max): large logits do not overflow. */
export function logSoftmax(logits: Float32Array): Float64Array {
  const max = logits[largest(logits)] as number;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  const shift = max + Math.log(sum);
  return Float64Array.from(logits, (logit) => logit - shift);
}

/** Index of the largest number, the first of equals. */
export function largest(values: Float32Array): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] as number) > (values[best] as number)) best = index;
  }
  return best;
}
