import type { GraphBuilder } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";

/**
 * Gradient accumulation over n batches: with g the gradient of one batch's mean loss,
 *
 *   s ← s + g/n at each batch; after the n-th the optimizer takes s, and s ← 0.
 *
 * That is the gradient of the mean over all n batches, hence the same as one batch of n times the
 * size, but for layers whose statistics are the batch's. The step graph computes the update at every
 * batch and keeps it at the n-th: graphs that are half as long would have to be two sessions.
 */
export class GradientAccumulation {
  readonly #builder: GraphBuilder;
  readonly #share: string;
  readonly #due: string;

  /**
   * @param batches n.
   * @param due float32 scalar: 1 at the n-th batch, 0 at the others.
   */
  constructor(builder: GraphBuilder, batches: number, due: string) {
    this.#builder = builder;
    this.#share = builder.scalar(1 / batches);
    this.#due = builder.add("Cast", [due], { attributes: { to: { int: DataType.BOOL } } });
  }

  /** @returns s with this batch's part, and what is kept of it for the next. */
  add(kept: string, gradient: string): { readonly sum: string; readonly next: string } {
    const part = this.#builder.add("Mul", [gradient, this.#share]);
    const sum = this.#builder.add("Add", [kept, part], { stem: "accumulated" });
    return { sum, next: this.atUpdate(this.#builder.scalar(0), sum) };
  }

  /** The new value at the n-th batch, the old one before. */
  atUpdate(updated: string, old: string): string {
    return this.#builder.add("Where", [this.#due, updated, old]);
  }
}
