import type { StopReason } from "../protocol/training.ts";
import {
  checkEpoch,
  type EarlyStoppingState,
  type EarlyStoppingVerdict,
  startEarlyStopping,
} from "./early-stopping.ts";
import type { Weights } from "./evaluate.ts";
import type { LoopOptions } from "./loop-options.ts";
import type { Turns } from "./turns.ts";
import { UnvalidatedRhythm } from "./unvalidated-rhythm.ts";

/** What early stopping has decided so far, and the weights of the best epoch. */
export class BestWeights {
  readonly #options: LoopOptions;
  readonly #turns: Turns;
  readonly #unvalidated = new UnvalidatedRhythm();
  #weights: Weights;
  #stopping: EarlyStoppingState;

  constructor(options: LoopOptions, turns: Turns) {
    const { config, from } = options;
    this.#options = options;
    this.#turns = turns;
    this.#stopping = from?.progress.stopping ?? startEarlyStopping(config.earlyStopping);
    this.#weights = from?.best ?? this.#snapshot();
  }

  get stopping(): EarlyStoppingState {
    return this.#stopping;
  }

  /** Undefined while no epoch was the best. */
  get weights(): Weights | undefined {
    return this.#stopping.bestEpoch > 0 ? this.#weights : undefined;
  }

  /** After an epoch: keeps its weights where it is the best. @param metric what is monitored. */
  async check(epoch: number, metric: number): Promise<EarlyStoppingVerdict> {
    const verdict = checkEpoch(this.#stopping, this.#options.config.earlyStopping, epoch, metric);
    this.#stopping = verdict.state;
    if (verdict.best) {
      this.#weights = this.#snapshot();
      await this.#options.onBest(this.#weights, this.#turns.long);
      this.#turns.waited();
    }
    return verdict;
  }

  /**
   * After a step: where no epoch has been validated and the run would be killed when it is cancelled,
   * its weights are kept now and then, as it would leave its last ones otherwise.
   */
  async checkStep(): Promise<void> {
    const { retrain, onBest } = this.#options;
    if (retrain !== undefined || this.#stopping.bestEpoch > 0) return;
    const cancelled = await this.#turns.cancelled();
    if (cancelled || !this.#turns.long || !this.#unvalidated.due()) return;
    await onBest(this.#snapshot(), true);
    this.#turns.waited();
  }

  /**
   * The best weights, or the last ones where that was asked for. After divergence the last ones are
   * worthless, so the best are taken in any case; where no epoch was ever validated, the best are
   * the first ones, and a cancelled run is better served by what it has learned. Training again ends
   * with its last ones, and where it is cut short those of the first training are better.
   */
  atTheEnd(reason: StopReason): Weights {
    const { restoreBest, retrain } = this.#options.config.earlyStopping;
    const validated = this.#stopping.bestEpoch > 0;
    const again = this.#options.retrain !== undefined;
    const best = again
      ? reason !== "maxEpochs"
      : reason === "diverged" || ((restoreBest || retrain) && validated);
    return best ? this.#weights : this.#snapshot();
  }

  #snapshot(): Weights {
    const { step, weightNames } = this.#options;
    return new Map(
      weightNames.map((name) => [name, (step.state.get(name) as Float32Array).slice()]),
    );
  }
}
