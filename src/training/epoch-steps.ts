import { allocateBatches, type Batch, type BatchStack, fillBatch } from "../data/batches.ts";
import { type Dataset, expectRows } from "../data/dataset.ts";
import { withLabelNoise } from "../data/label-noise.ts";
import { seededRandom } from "../data/random.ts";
import { jsonNumber } from "../protocol/reports.ts";
import type { AddedTerms, RunProgress } from "./checkpoint.ts";
import { detailsDue } from "./detail-rhythm.ts";
import type { Evaluation } from "./evaluate.ts";
import { type LoopOptions, stepsPerEpoch } from "./loop-options.ts";
import { LossMeter } from "./loss-meter.ts";
import type { RunSchedule } from "./schedules/run-schedule.ts";
import { MOST_STEPS_OF_RUN, type PlannedStep, type StepResult } from "./training-step.ts";
import type { Turns } from "./turns.ts";
import { divergenceFactor } from "./variational-divergence.ts";
import { percentiles } from "./watched-values.ts";

export interface TrainedEpoch extends Evaluation {
  /** What variational dropout's divergence added to the loss at the last step. */
  readonly klLoss?: number;
  /** What L1 and L2 added to the loss at the last step. */
  readonly penalty?: number;
  /** Of the last step. */
  readonly learningRate: number;
}

type StepsProgress = Pick<RunProgress, "stepsInEpoch" | "stepsDone" | "meter" | "lastStep">;

/**
 * The steps of one epoch after the other.
 *
 * A last batch that is not full is left out (another rest is left out each time, the order being
 * new each epoch): the step graph has one batch size, and the batch statistics of a few samples
 * would be worse than none.
 */
export class EpochSteps {
  readonly #options: LoopOptions;
  readonly #schedule: RunSchedule;
  readonly #turns: Turns;
  readonly #stepsPerEpoch: number;
  #stepsInEpoch: number;
  #stepsDone: number;
  #meter: LossMeter;
  #lastStep: AddedTerms;
  #divergedAt: number | undefined;
  #stack: BatchStack | undefined;

  constructor(options: LoopOptions, schedule: RunSchedule, turns: Turns) {
    const { config, lossSettings, from, split, batch } = options;
    const progress = from?.progress;
    this.#options = options;
    this.#schedule = schedule;
    this.#turns = turns;
    this.#stepsPerEpoch = stepsPerEpoch(split.train.length, batch.size);
    this.#stepsInEpoch = progress?.stepsInEpoch ?? 0;
    this.#stepsDone = progress?.stepsDone ?? 0;
    this.#meter = new LossMeter(config.loss, lossSettings, progress?.meter);
    this.#lastStep = progress?.lastStep ?? {};
  }

  /** Over the whole run. */
  get done(): number {
    return this.#stepsDone;
  }

  /** The step, from 1, whose loss was not finite; undefined where each one's was. */
  get divergedAt(): number | undefined {
    return this.#divergedAt;
  }

  get progress(): StepsProgress {
    return {
      stepsInEpoch: this.#stepsInEpoch,
      stepsDone: this.#stepsDone,
      meter: this.#meter.sums,
      lastStep: this.#lastStep,
    };
  }

  beginEpoch(): void {
    const { config, lossSettings } = this.#options;
    this.#stepsInEpoch = 0;
    this.#meter = new LossMeter(config.loss, lossSettings);
    this.#lastStep = {};
  }

  /**
   * What is left of an epoch's steps.
   *
   * @param afterStep what is to happen between two steps; the state is whole then.
   */
  async run(
    epoch: number,
    afterStep: () => Promise<void>,
  ): Promise<TrainedEpoch | "cancelled" | "diverged"> {
    const { config, dataset, batch, isPaused } = this.#options;
    const rows = this.#options.epochRows(epoch);
    const noise = seededRandom(config.seed, `label noise ${epoch}`);
    const noisy = withLabelNoise(dataset, rows, config.labelNoise, noise);
    const steps = this.#stepsOfEpoch();
    expectRows(noisy, rows.subarray(this.#stepsInEpoch * batch.size, steps * batch.size));
    while (this.#stepsInEpoch < steps) {
      if (await this.#turns.cancelledOrPaused(isPaused)) return "cancelled";
      const taken = await this.#take(noisy, rows, steps);
      for (const { result, batch: own, filled } of taken) {
        this.#stepsDone++;
        this.#stepsInEpoch++;
        this.#lastStep = addedTerms(result);
        this.#meter.add(result.output, own, filled);
        this.#tell(epoch, result);
        if (config.earlyStopping.checkFinite && !Number.isFinite(result.loss)) {
          this.#divergedAt = this.#stepsDone;
          return "diverged";
        }
      }
      await afterStep();
    }
    return this.#trained();
  }

  /** Takes the next steps, as many as may be one run. @param steps of the epoch. */
  async #take(dataset: Dataset, rows: Int32Array, steps: number): Promise<readonly Taken[]> {
    const { config, step, batch } = this.#options;
    const { several } = step;
    const count = this.#countOfRun(steps - this.#stepsInEpoch);
    if (several === undefined || count === 1) {
      const planned = await this.#planned(batch, dataset, rows, 0);
      const result = await step.run(
        planned.batch,
        planned.learningRate,
        planned.wishes,
        planned.divergenceFactor,
      );
      return [{ result, ...planned }];
    }
    this.#stack ??= allocateBatches(dataset, batch.size, MOST_STEPS_OF_RUN);
    const planned: PlannedBatch[] = [];
    for (const [ahead, each] of this.#stack.batches.slice(0, count).entries()) {
      planned.push(await this.#planned(each, dataset, rows, ahead));
    }
    const results = await several.run(planned, this.#stack.first(count), {
      untilNotFinite: config.earlyStopping.checkFinite,
    });
    return results.map((result, index) => ({ result, ...(planned[index] as PlannedBatch) }));
  }

  /** @param ahead steps between the next one and the one that is planned. */
  async #planned(
    batch: Batch,
    dataset: Dataset,
    rows: Int32Array,
    ahead: number,
  ): Promise<PlannedBatch> {
    const { config, retrain } = this.#options;
    const step = this.#stepsDone + ahead;
    const told = retrain === undefined;
    return {
      batch,
      filled: await fillBatch(batch, dataset, rows, (this.#stepsInEpoch + ahead) * batch.size),
      learningRate: this.#schedule.rateAt(step),
      divergenceFactor: this.#divergenceFactor(step),
      wishes: {
        samples: told && step % config.statistics.everySteps === 0,
        details: told && detailsDue(step, config),
      },
    };
  }

  /** How many steps the next run may hold; a checkpoint falls between two. @param left of the epoch. */
  #countOfRun(left: number): number {
    const { config, step } = this.#options;
    const { everySteps } = config.checkpoint;
    const untilCheckpoint = everySteps > 0 ? everySteps - (this.#stepsDone % everySteps) : left;
    return Math.min(left, untilCheckpoint, step.several?.count ?? 1);
  }

  /** All of an epoch's, but for the last epoch of training again. */
  #stepsOfEpoch(): number {
    const { retrain } = this.#options;
    if (retrain === undefined) return this.#stepsPerEpoch;
    return Math.min(this.#stepsPerEpoch, retrain.steps - (this.#stepsDone - this.#stepsInEpoch));
  }

  #tell(epoch: number, { loss, samples, details }: StepResult): void {
    const { retrain, onEvent } = this.#options;
    if (retrain !== undefined) return;
    const taken = [...samples]
      .map(([name, values]) => [name, percentiles(values)] as const)
      .filter(([, values]) => values.every(Number.isFinite));
    onEvent({
      event: "step",
      step: this.#stepsDone,
      epoch,
      loss: jsonNumber(loss),
      ...(taken.length > 0 ? { percentiles: Object.fromEntries(taken) } : {}),
      ...details,
    });
  }

  #trained(): TrainedEpoch {
    const last = this.#stepsDone - 1;
    const { divergence, penalty } = this.#lastStep;
    return {
      ...this.#meter.result(),
      ...(divergence === undefined ? {} : { klLoss: this.#divergenceFactor(last) * divergence }),
      ...(penalty === undefined ? {} : { penalty }),
      learningRate: this.#schedule.rateAt(last),
    };
  }

  /** What variational dropout's divergence counts. @param step steps before it. */
  #divergenceFactor(step: number): number {
    const { config, split } = this.#options;
    const epoch = this.#schedule.epochAt(step) + 1;
    return divergenceFactor(config.variationalDropout, epoch, split.train.length);
  }
}

/** A step that is ready to run. */
interface PlannedBatch extends PlannedStep {
  /** Rows of the batch that are not repetitions. */
  readonly filled: number;
}

interface Taken extends PlannedBatch {
  readonly result: StepResult;
}

function addedTerms({ divergence, penalty }: AddedTerms): AddedTerms {
  return {
    ...(divergence === undefined ? {} : { divergence }),
    ...(penalty === undefined ? {} : { penalty }),
  };
}
