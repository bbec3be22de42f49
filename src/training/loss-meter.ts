import type { Batch } from "../data/batches.ts";
import type { Evaluation } from "./evaluate.ts";
import type { LossSettings, RowTarget } from "./losses/loss.ts";
import { LOSSES, type LossKind } from "./losses/table.ts";

/** What a meter has added up so far; a checkpoint in the middle of an epoch keeps it. */
export interface MeterSums {
  readonly loss: number;
  readonly weight: number;
  readonly right: number;
  readonly answers: number;
}

/**
 * Adds up loss and right answers over batches, in float64. The formula is the one that training
 * minimizes, class weights included, but without label smoothing: what an epoch tells of training,
 * validation and test can be compared, also between runs that smooth differently.
 */
export class LossMeter {
  readonly #loss: LossKind;
  readonly #settings: LossSettings;
  #sum: number;
  #weight: number;
  #right: number;
  #answers: number;

  /** @param sums to go on from; nothing where left out. */
  constructor(loss: LossKind, settings: LossSettings, sums?: MeterSums) {
    this.#loss = loss;
    this.#settings = settings;
    this.#sum = sums?.loss ?? 0;
    this.#weight = sums?.weight ?? 0;
    this.#right = sums?.right ?? 0;
    this.#answers = sums?.answers ?? 0;
  }

  get sums(): MeterSums {
    const [weight, right, answers] = [this.#weight, this.#right, this.#answers];
    return { loss: this.#sum, weight, right, answers };
  }

  /** @param filled rows of the batch that count; the rest are repetitions. */
  add(output: Float32Array, batch: Batch, filled: number): void {
    const width = output.length / batch.size;
    for (let row = 0; row < filled; row++) {
      const values = output.subarray(row * width, (row + 1) * width);
      const measured = LOSSES[this.#loss].measure(values, rowTarget(batch, row), this.#settings);
      this.#sum += measured.sum;
      this.#weight += measured.weight;
      this.#right += measured.right;
      this.#answers += measured.answers;
    }
  }

  result(): Evaluation {
    const accuracy = LOSSES[this.#loss].accuracy ? this.#right / this.#answers : undefined;
    return { loss: this.#sum / this.#weight, accuracy };
  }
}

function rowTarget(batch: Batch, row: number): RowTarget {
  if (batch.labels.length > 0) return { kind: "classes", label: Number(batch.labels[row]) };
  const width = batch.values.length / batch.size;
  return { kind: "numbers", values: batch.values.subarray(row * width, (row + 1) * width) };
}
