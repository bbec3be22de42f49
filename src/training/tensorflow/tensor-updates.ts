import type { Tensor } from "@tensorflow/tfjs-core";
import type { OptimizerConfig } from "../../protocol/training.ts";
import type { TensorFlowModule } from "../../runtime/tensorflow.ts";

export interface TensorUpdate {
  readonly tf: TensorFlowModule;
  readonly config: OptimizerConfig;
  readonly parameter: Tensor;
  /** Of the whole loss, penalties included, clipped. */
  readonly gradient: Tensor;
  /** Whether a decoupled weight decay reaches the parameter. */
  readonly decayed: boolean;
  /** What the optimizer keeps for this parameter. */
  readonly slots: Readonly<Record<string, Tensor>>;
  /** The optimizer's numbers of this step, by the names it gives them. */
  readonly scalars: Readonly<Record<string, number>>;
}

export interface TensorUpdated {
  readonly parameter: Tensor;
  readonly slots: Readonly<Record<string, Tensor>>;
}

type TensorRule = (update: TensorUpdate) => TensorUpdated;

/**
 * The step of each optimizer in TensorFlow's operations. Formulas, slots and scalars are those of
 * src/training/optimizers; TensorFlow.js's own RMSprop and Adagrad put ε under the root, and it has
 * no AdamW and no LAMB.
 */
export const TENSOR_UPDATES: Readonly<Record<OptimizerConfig["kind"], TensorRule>> = {
  sgd,
  rmsprop,
  adagrad,
  adam,
  adamw: (update) => {
    const { tf, parameter, decayed } = update;
    const decay = update.scalars.decay as number;
    return adam(decayed ? { ...update, parameter: tf.mul(parameter, decay) } : update);
  },
  lamb,
};

function sgd({ tf, config, parameter, gradient, slots, scalars }: TensorUpdate): TensorUpdated {
  const { momentum, nesterov } = config;
  const rate = scalars.learning_rate as number;
  if (momentum === 0) return { parameter: tf.sub(parameter, tf.mul(gradient, rate)), slots: {} };
  const kept = tf.add(tf.mul(slots.momentum as Tensor, momentum), gradient);
  const direction = nesterov ? tf.add(gradient, tf.mul(kept, momentum)) : kept;
  return { parameter: tf.sub(parameter, tf.mul(direction, rate)), slots: { momentum: kept } };
}

function rmsprop({ tf, config, parameter, gradient, slots, scalars }: TensorUpdate): TensorUpdated {
  const { alpha, centered, epsilon, rmspropMomentum } = config;
  const average = (old: Tensor | undefined, value: Tensor) =>
    tf.add(tf.mul(old as Tensor, alpha), tf.mul(value, 1 - alpha));
  const square = average(slots.square, tf.square(gradient));
  const next: Record<string, Tensor> = { square };
  let variance = square;
  if (centered) {
    const mean = average(slots.mean, gradient);
    next.mean = mean;
    variance = tf.maximum(tf.sub(square, tf.square(mean)), 0);
  }
  let direction = tf.div(gradient, tf.add(tf.sqrt(variance), epsilon));
  if (rmspropMomentum > 0) {
    direction = tf.add(tf.mul(slots.momentum as Tensor, rmspropMomentum), direction);
    next.momentum = direction;
  }
  const step = tf.mul(direction, scalars.learning_rate as number);
  return { parameter: tf.sub(parameter, step), slots: next };
}

function adagrad({ tf, config, parameter, gradient, slots, scalars }: TensorUpdate): TensorUpdated {
  const sum = tf.add(slots.sum as Tensor, tf.square(gradient));
  const root = tf.sqrt(tf.add(sum, config.initialAccumulator));
  const direction = tf.div(gradient, tf.add(root, config.epsilon));
  const step = tf.mul(direction, scalars.learning_rate as number);
  return { parameter: tf.sub(parameter, step), slots: { sum } };
}

function adam(update: TensorUpdate): TensorUpdated {
  const { tf, parameter, scalars } = update;
  const { direction, slots } = adamMoments(update);
  const step = tf.mul(direction, scalars.step_size as number);
  return { parameter: tf.sub(parameter, step), slots };
}

/** M and V after the step, and M/(√V + e). */
function adamMoments({ tf, config, gradient, slots, scalars }: TensorUpdate) {
  const first = tf.add(tf.mul(slots.first as Tensor, config.beta1), gradient);
  const second = tf.add(tf.mul(slots.second as Tensor, config.beta2), tf.square(gradient));
  const scale = tf.add(tf.sqrt(second), scalars.step_epsilon as number);
  return { direction: tf.div(first, scale), slots: { first, second } };
}

function lamb(update: TensorUpdate): TensorUpdated {
  const { tf, config, parameter, decayed, scalars } = update;
  const { direction: unscaled, slots } = adamMoments(update);
  const direction = tf.mul(unscaled, scalars.direction_size as number);
  const rate = scalars.learning_rate as number;
  if (!decayed) return { parameter: tf.sub(parameter, tf.mul(direction, rate)), slots };
  const whole = tf.add(direction, tf.mul(parameter, config.weightDecay));
  const [own, step] = [tf.norm(parameter), tf.norm(whole)];
  const moves = tf.logicalAnd(tf.greater(own, 0), tf.greater(step, 0));
  const ratio = tf.where(moves, tf.div(own, step), tf.onesLike(own));
  return { parameter: tf.sub(parameter, tf.mul(tf.mul(whole, ratio), rate)), slots };
}
