import { type Random, seededRandom } from "../data/random.ts";
import { elementCount } from "../graph/tensor.ts";
import type { DropoutMask, MaskedRuns } from "../operators/dropout-masks.ts";
import type { RuntimeTensor } from "../runtime/runtime.ts";

/** Draws the masks of runs that go through the samples in their order. */
export class MaskDrawer {
  readonly #masks: readonly DropoutMask[];
  readonly #randoms: readonly Random[];

  constructor({ count, seed, masks }: MaskedRuns) {
    this.#masks = masks;
    this.#randoms = Array.from({ length: count }, (_, run) =>
      seededRandom(seed, `dropout masks of run ${run}`),
    );
  }

  /** @param rows size of the batch; sample by sample, so that batches of any size draw the same. */
  draw(run: number, rows: number): Record<string, RuntimeTensor> {
    const random = this.#randoms[run] as Random;
    const drawn = this.#masks.map((mask) => {
      const size = elementCount(mask.shape);
      return { ...mask, size, data: new Float32Array(rows * size) };
    });
    for (let row = 0; row < rows; row++) {
      for (const { data, size, rate } of drawn) {
        const kept = 1 / (1 - rate);
        for (let position = row * size; position < (row + 1) * size; position++) {
          data[position] = random.uniform() < rate ? 0 : kept;
        }
      }
    }
    return Object.fromEntries(
      drawn.map(({ input, shape, data }) => [
        input,
        { type: "float32" as const, dims: [rows, ...shape], data },
      ]),
    );
  }
}
