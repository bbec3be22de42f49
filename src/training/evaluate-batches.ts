import { type Batch, fillBatch } from "../data/batches.ts";
import { type Dataset, expectRows } from "../data/dataset.ts";
import type { Evaluation } from "./evaluate.ts";
import { LossMeter } from "./loss-meter.ts";
import type { LossSettings } from "./losses/loss.ts";
import type { LossKind } from "./losses/table.ts";
import type { Turns } from "./turns.ts";

export interface BatchEvaluation {
  readonly loss: LossKind;
  readonly lossSettings: LossSettings;
  /** Where the rows are filled in, again and again. */
  readonly batch: Batch;
  /** What the loss is taken of, batch × its dimensions; for rows of repetitions as well. */
  readonly outputOf: (batch: Batch) => Float32Array | Promise<Float32Array>;
}

/**
 * Mean loss and accuracy over the given rows, batch by batch on whatever engine; undefined when it
 * was cancelled in between.
 */
export async function evaluateBatches(
  dataset: Dataset,
  rows: Int32Array,
  { loss, lossSettings, batch, outputOf }: BatchEvaluation,
  turns: Pick<Turns, "cancelled">,
): Promise<Evaluation | undefined> {
  const meter = new LossMeter(loss, lossSettings);
  expectRows(dataset, rows);
  for (let start = 0; start < rows.length; start += batch.size) {
    if (await turns.cancelled()) return undefined;
    const filled = await fillBatch(batch, dataset, rows, start);
    meter.add(await outputOf(batch), batch, filled);
  }
  return meter.result();
}
