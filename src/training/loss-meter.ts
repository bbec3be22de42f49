import type { Batch } from "../data/batches.ts";
import type { Evaluation } from "./evaluate.ts";
import type { LossKind } from "./losses.ts";

/** Adds up loss and right answers over batches, in float64, as losses.ts defines them. */
export class LossMeter {
  readonly #loss: LossKind;
  #lossSum = 0;
  #terms = 0;
  #right = 0;
  #rows = 0;

  constructor(loss: LossKind) {
    this.#loss = loss;
  }

  /** @param filled rows of the batch that count; the rest are repetitions. */
  add(output: Float32Array, batch: Batch, filled: number): void {
    const width = output.length / batch.size;
    this.#rows += filled;
    if (this.#loss === "mean-squared-error") {
      for (let index = 0; index < filled * width; index++) {
        this.#lossSum += ((output[index] as number) - (batch.values[index] as number)) ** 2;
      }
      this.#terms += filled * width;
      return;
    }
    for (let row = 0; row < filled; row++) {
      const logits = output.subarray(row * width, (row + 1) * width);
      const label = Number(batch.labels[row]);
      this.#lossSum += crossEntropy(logits, label);
      if (largest(logits) === label) this.#right++;
    }
    this.#terms += filled;
  }

  result(): Evaluation {
    const accuracy = this.#loss === "cross-entropy" ? this.#right / this.#rows : undefined;
    return { loss: this.#lossSum / this.#terms, accuracy };
  }
}

/** −log softmax(z)[label] = log Σ exp(z − max) + max − z[label]. */
function crossEntropy(logits: Float32Array, label: number): number {
  const max = logits[largest(logits)] as number;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  return Math.log(sum) + max - (logits[label] as number);
}

/** Index of the largest number, the first of equals. */
function largest(values: Float32Array): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] as number) > (values[best] as number)) best = index;
  }
  return best;
}
