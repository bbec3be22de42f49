import type { Scalar, Tensor, Variable } from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Batch } from "../../data/batches.ts";
import { seededRandom } from "../../data/random.ts";
import { jsonNumber } from "../../protocol/reports.ts";
import type { StepDetailNumbers, TrainingConfig } from "../../protocol/training.ts";
import type { TensorFlowModule } from "../../runtime/tensorflow.ts";
import { namedParameters, relativeChange } from "../detail-numbers.ts";
import type { LossSettings } from "../losses/loss.ts";
import { OPTIMIZERS } from "../optimizers/table.ts";
import type { StepResult, StepWishes, TrainingStep } from "../training-step.ts";
import type { ActivityPenalties } from "./activity-penalties.ts";
import type { TrainedWeight } from "./layer-weights.ts";
import { clipped, penalized, withinLimit } from "./tensor-gradients.ts";
import { TENSOR_LOSSES } from "./tensor-losses.ts";
import { TENSOR_UPDATES } from "./tensor-updates.ts";
import { withRandom } from "./with-random.ts";

export interface TensorStepOptions {
  readonly tf: TensorFlowModule;
  readonly model: LayersModel;
  readonly config: TrainingConfig;
  readonly settings: LossSettings;
  /** With the batch dimension. */
  readonly inputShape: readonly number[];
  readonly trained: readonly TrainedWeight[];
  /** Weights and running statistics by name. */
  readonly all: ReadonlyMap<string, Variable>;
  /** State to go on from, by name: weights, and what the optimizer keeps; what is missing is 0. */
  readonly initial: ReadonlyMap<string, Float32Array>;
  readonly stepsDone: number;
  /** Of what layers put out; absent where there are none. */
  readonly activities?: ActivityPenalties;
}

/** Training steps on TensorFlow: gradients by TensorFlow.js, everything else as on ONNX Runtime. */
export class TensorStep implements TrainingStep {
  readonly #options: TensorStepOptions;
  /** What the optimizer and the accumulation keep, by weight and slot. */
  readonly #slots = new Map<string, Variable>();
  #stepsDone: number;

  constructor(options: TensorStepOptions) {
    this.#options = options;
    this.#stepsDone = options.stepsDone;
    const { tf, config, trained, all, initial } = options;
    const kept = OPTIMIZERS[config.optimizer.kind].slots(config.optimizer);
    const slots = config.accumulateBatches > 1 ? [...kept, ACCUMULATED] : kept;
    for (const { name, variable } of trained) {
      for (const slot of slots) {
        const values = initial.get(slotName(name, slot)) ?? new Float32Array(variable.size);
        const start = tf.tensor(values.slice(), variable.shape);
        this.#slots.set(slotName(name, slot), tf.variable(start, false));
        start.dispose();
      }
    }
    setWeights(tf, all, initial);
  }

  async run(batch: Batch, learningRate: number, wishes: StepWishes): Promise<StepResult> {
    const { tf, config } = this.#options;
    this.#stepsDone++;
    // The masks of dropout and all other noise follow from the seed and the step's number.
    const random = seededRandom(config.seed, `tensorflow step ${this.#stepsDone}`);
    return withRandom(random, () => {
      let result: StepResult | undefined;
      tf.tidy(() => {
        result = this.#step(batch, learningRate, wishes);
      });
      return result as StepResult;
    });
  }

  /** Begins anew. @param initial as in the options. */
  restart(initial: ReadonlyMap<string, Float32Array>): void {
    const { tf, all } = this.#options;
    setWeights(tf, all, initial);
    for (const variable of this.#slots.values()) {
      tf.tidy(() => variable.assign(tf.zeros(variable.shape)));
    }
    this.#stepsDone = 0;
  }

  /** A copy of weights, running statistics and the optimizer's tensors. */
  get state(): ReadonlyMap<string, Float32Array> {
    const variables = [...this.#options.all, ...this.#slots];
    return new Map(variables.map(([name, variable]) => [name, numbersOf(variable)]));
  }

  release(): void {
    for (const variable of this.#slots.values()) variable.dispose();
  }

  #step(batch: Batch, learningRate: number, wishes: StepWishes): StepResult {
    const { tf, config, trained } = this.#options;
    const { loss, activity, output, gradients } = this.#gradients(batch);
    const { penalty, gradients: whole } = penalized(tf, config, trained, gradients);
    const mean = config.accumulateBatches > 1 ? this.#accumulated(whole) : whole;
    const due = this.#stepsDone % config.accumulateBatches === 0;
    const before = wishes.details ? this.#namedWeights() : new Map<string, Float32Array>();
    if (due) this.#update(clipped(tf, config.gradientClipping, mean), learningRate);
    return {
      loss,
      ...penaltyOf(penalty, activity),
      output,
      samples: new Map(),
      ...(wishes.details ? { details: this.#details(mean, before) } : {}),
    };
  }

  #gradients(batch: Batch) {
    const { tf, config, model, inputShape, settings, trained, activities } = this.#options;
    let [output, activity]: [Tensor | undefined, Scalar | undefined] = [undefined, undefined];
    const { value, grads } = tf.variableGrads(
      () => {
        activities?.begin();
        output = model.apply(tf.tensor(batch.features, [...inputShape]), {
          training: true,
        }) as Tensor;
        const loss = TENSOR_LOSSES[config.loss]({ tf, output: tf.keep(output), batch, settings });
        activity = activities?.sum;
        return activity === undefined ? loss : tf.add<Scalar>(loss, tf.keep(activity));
      },
      trained.map(({ variable }) => variable),
    );
    const gradients = new Map<string, Tensor>();
    for (const { name, variable } of trained) {
      gradients.set(name, grads[variable.name] ?? tf.zerosLike(variable));
    }
    const kept = output as unknown as Tensor;
    const numbers = numbersOf(kept);
    kept.dispose();
    const added = activity === undefined ? undefined : numberOf(activity);
    (activity as Scalar | undefined)?.dispose();
    return { loss: numberOf(value) - (added ?? 0), activity: added, output: numbers, gradients };
  }

  /** The mean over the batches of this update so far; the sum is emptied when it is used. */
  #accumulated(gradients: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
    const { tf, config } = this.#options;
    const count = ((this.#stepsDone - 1) % config.accumulateBatches) + 1;
    const means = new Map<string, Tensor>();
    for (const [name, gradient] of gradients) {
      const kept = this.#slots.get(slotName(name, ACCUMULATED)) as Variable;
      const sum = tf.add(kept, gradient);
      means.set(name, tf.div(sum, count));
      kept.assign(count === config.accumulateBatches ? tf.zerosLike(sum) : sum);
    }
    return means;
  }

  #update(gradients: ReadonlyMap<string, Tensor>, learningRate: number): void {
    const { tf, config, trained } = this.#options;
    const { optimizer, maxNorm, decayedParameters, fromModel } = config;
    const update = Math.ceil(this.#stepsDone / config.accumulateBatches);
    const scalars = OPTIMIZERS[optimizer.kind].scalars(optimizer, learningRate, update);
    const slotNames = OPTIMIZERS[optimizer.kind].slots(optimizer);
    for (const weight of trained) {
      const { name, variable, isWeight } = weight;
      const variables = slotNames.map(
        (slot) => [slot, this.#slots.get(slotName(name, slot)) as Variable] as const,
      );
      const next = TENSOR_UPDATES[optimizer.kind]({
        tf,
        config: optimizer,
        parameter: variable,
        gradient: gradients.get(name) as Tensor,
        decayed: isWeight || decayedParameters === "all",
        slots: Object.fromEntries(variables),
        scalars,
      });
      const own = fromModel.constraints ? weight.constraint : undefined;
      const held = own?.apply(next.parameter) ?? next.parameter;
      variable.assign(withinLimit(tf, weight, maxNorm.limit, held));
      for (const [slot, kept] of variables) kept.assign(next.slots[slot] as Tensor);
    }
  }

  #namedWeights(): ReadonlyMap<string, Float32Array> {
    const { trained } = this.#options;
    const weights = trained.filter(({ isWeight }) => isWeight).map(({ name }) => name);
    const named = new Set(namedParameters(weights));
    const variables = trained.filter(({ name }) => named.has(name));
    return new Map(variables.map(({ name, variable }) => [name, numbersOf(variable)]));
  }

  #details(
    gradients: ReadonlyMap<string, Tensor>,
    before: ReadonlyMap<string, Float32Array>,
  ): StepDetailNumbers {
    const { tf } = this.#options;
    const square = (gradient: Tensor) => tf.sum(tf.square(gradient)).dataSync()[0] as number;
    const squares = new Map([...gradients].map(([name, gradient]) => [name, square(gradient)]));
    const total = [...squares.values()].reduce((sum, value) => sum + value, 0);
    const after = this.#namedWeights();
    return {
      gradientNorm: jsonNumber(Math.sqrt(total)),
      gradients: [...before].map(([name, old]) => ({
        name,
        norm: jsonNumber(Math.sqrt(squares.get(name) as number)),
        updateRatio: jsonNumber(relativeChange(old, after.get(name) as Float32Array)),
      })),
    };
  }
}

/** What is added to the loss; nothing where there are no penalties. */
function penaltyOf(weights: Scalar | undefined, outputs: number | undefined) {
  if (weights === undefined && outputs === undefined) return {};
  return { penalty: (weights === undefined ? 0 : numberOf(weights)) + (outputs ?? 0) };
}

function numberOf(scalar: Scalar): number {
  return scalar.dataSync()[0] as number;
}

const ACCUMULATED = "accumulated";

function slotName(weight: string, slot: string): string {
  return `${weight}.${slot}`;
}

/** Those that are named; all others stay. */
export function setWeights(
  tf: TensorFlowModule,
  variables: ReadonlyMap<string, Variable>,
  values: ReadonlyMap<string, Float32Array>,
): void {
  for (const [name, variable] of variables) {
    const numbers = values.get(name);
    if (numbers === undefined) continue;
    tf.tidy(() => variable.assign(tf.tensor(numbers.slice(), variable.shape)));
  }
}

/** A copy: TensorFlow.js may hand out memory of its own. */
export function numbersOf(tensor: Tensor): Float32Array {
  return Float32Array.from(tensor.dataSync());
}
