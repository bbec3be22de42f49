import { epochOrder } from "../data/batches.ts";
import { type Random, seededRandom } from "../data/random.ts";
import type { Split } from "../data/split.ts";
import type { Checkpoint, RunProgress } from "./checkpoint.ts";
import type { Weights } from "./evaluate.ts";
import { TrainingLoop } from "./loop.ts";
import { type LoopOptions, type LoopOutcome, stepsPerEpoch } from "./loop-options.ts";
import { LossMeter } from "./loss-meter.ts";
import { type RetrainPlan, retrainPlan, retrainSplit } from "./retrain.ts";
import { why } from "./stop-sentence.ts";

export interface TrainingsOptions
  extends Omit<LoopOptions, "split" | "epochRows" | "from" | "retrain"> {
  readonly split: Split;
  /** Parameters and running statistics at the first step, of either training. */
  readonly initial: Weights;
  /** Where to go on; from the beginning where left out. The step session has its state already. */
  readonly checkpoint?: Checkpoint;
  /** The first training has ended, with these weights, and another one begins. */
  onRetrain(plan: RetrainPlan, best: Weights): Promise<void>;
}

export interface TrainingsOutcome {
  readonly outcome: LoopOutcome;
  /** Where the run trained again, to the end or not. */
  readonly again?: RetrainPlan;
  /** What a checkpoint now would hold. */
  readonly checkpoint: Checkpoint;
}

/** Trains; and again with the validation samples where config.earlyStopping.retrain asks for it. */
export async function runTrainings(options: TrainingsOptions): Promise<TrainingsOutcome> {
  const { checkpoint, initial, config, split, batch, step, onRetrain } = options;
  const resumed = checkpoint?.progress.retrain;
  const from =
    checkpoint === undefined
      ? {}
      : { from: { progress: checkpoint.progress, best: checkpoint.best ?? initial } };
  if (resumed !== undefined) return ended(again(options, resumed, from.from), resumed);
  const first = loopOn(options, split, from);
  const outcome = await first.run();
  const { reason, epochs, stopping } = outcome;
  const plan = retrainPlan(config, {
    reason,
    epochs,
    bestEpoch: stopping.bestEpoch,
    sentence: why(reason, epochs, stopping, config.earlyStopping),
    stepsPerEpoch: stepsPerEpoch(split.train.length, batch.size),
    schedules: outcome.schedules,
  });
  if (plan === undefined) return { outcome, checkpoint: first.checkpoint };
  await onRetrain(plan, outcome.weights);
  step.restart(initial);
  const progress: RunProgress = {
    ...first.checkpoint.progress,
    epoch: 1,
    stepsInEpoch: 0,
    stepsDone: 0,
    meter: new LossMeter(config.loss, options.lossSettings).sums,
    lastStep: {},
    seconds: 0,
  };
  return ended(again(options, plan, { progress, best: outcome.weights }), plan);
}

async function ended(loop: TrainingLoop, plan: RetrainPlan): Promise<TrainingsOutcome> {
  const outcome = await loop.run();
  return { outcome, again: plan, checkpoint: loop.checkpoint };
}

function again(options: TrainingsOptions, retrain: RetrainPlan, from: LoopOptions["from"]) {
  return loopOn(options, retrainSplit(options.split), {
    retrain,
    ...(from === undefined ? {} : { from }),
  });
}

function loopOn(
  options: TrainingsOptions,
  split: Split,
  more: Pick<LoopOptions, "from" | "retrain">,
): TrainingLoop {
  const { epochRows } = new EpochOrders(split.train, options.config.seed);
  return new TrainingLoop({ ...options, split, epochRows, ...more });
}

/** The order of an epoch follows from those before, so the skipped ones are drawn as well. */
class EpochOrders {
  readonly #order: Random;
  #drawn = 0;

  constructor(
    readonly rows: Int32Array,
    seed: number,
  ) {
    this.#order = seededRandom(seed, "batches");
  }

  epochRows = (epoch: number): Int32Array => {
    for (; this.#drawn < epoch - 1; this.#drawn++) epochOrder(this.rows, this.#order);
    this.#drawn++;
    return epochOrder(this.rows, this.#order);
  };
}
