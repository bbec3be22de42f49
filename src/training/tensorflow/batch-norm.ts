import type { Tensor, Variable } from "@tensorflow/tfjs-core";
import type { layers } from "@tensorflow/tfjs-layers";
import { InputError } from "../../graph/input-error.ts";
import type { TrainingConfig } from "../../protocol/training.ts";
import type { TensorFlowModule } from "../../runtime/tensorflow.ts";

export type Layer = ReturnType<typeof layers.dense>;

interface Weight {
  read(): Tensor;
}

/** The fields of tfjs-layers' BatchNormalization; gamma and beta are absent where the file says so. */
interface BatchNormalization {
  readonly axis: number;
  readonly epsilon: number;
  /** From the old value: new = momentum·old + (1 − momentum)·batch. */
  readonly momentum: number;
  readonly gamma?: Weight | null;
  readonly beta?: Weight | null;
  readonly movingMean: Weight;
  readonly movingVariance: Weight;
  call: LayerCall;
}

export type LayerCall = (
  inputs: Tensor | Tensor[],
  options: Readonly<Record<string, unknown>>,
) => Tensor | Tensor[];

/**
 * Makes a BatchNormalization of any rank train as this project's others do. tfjs-layers' own cannot
 * without scale or shift (it reads the missing one), and takes momentum from the file.
 *
 * S. Ioffe and C. Szegedy, "Batch Normalization" (2015), algorithm 1, over all axes but the channels',
 * with m values a channel:
 *
 *   μ = mean(x),  σ² = mean((x − μ)²),  y = γ·(x − μ)/√(σ² + ε) + β
 *
 * Running mean and variance ← (1 − momentum)·old + momentum·batch, where "unbiased" takes
 * m/(m − 1)·σ² for the batch's variance.
 *
 * @param frozen it then goes by its running statistics while training as well, and keeps them.
 */
export function trainBatchNormalization(
  tf: TensorFlowModule,
  layer: Layer,
  { batchNorm, fromModel }: Pick<TrainingConfig, "batchNorm" | "fromModel">,
  frozen: boolean,
): void {
  const own = layer as unknown as BatchNormalization;
  const { momentum, runningVariance } = fromModel.batchNorm
    ? ({ momentum: 1 - own.momentum, runningVariance: "population" } as const)
    : batchNorm;
  const atInference = own.call.bind(layer);
  const keep = (statistic: Weight, batch: Tensor) => {
    const variable = statistic.read() as Variable;
    const old = tf.mul(variable, 1 - momentum);
    variable.assign(tf.add(old, tf.mul(tf.reshape(batch, variable.shape), momentum)));
  };
  own.call = (inputs, options) => {
    if (frozen || options.training !== true) return atInference(inputs, { training: false });
    return tf.tidy(() => {
      const x = Array.isArray(inputs) ? (inputs[0] as Tensor) : inputs;
      const axis = own.axis < 0 ? own.axis + x.rank : own.axis;
      const channels = x.shape[axis] as number;
      const across = x.shape.map((size, position) => (position === axis ? size : 1));
      const others = x.shape.map((_, position) => position).filter((other) => other !== axis);
      const mean = tf.mean(x, others, true);
      const centered = tf.sub(x, mean);
      const variance = tf.mean(tf.square(centered), others, true);
      const count = x.size / channels;
      if (count === 1) {
        throw new InputError(
          `batchSize: ${x.shape[0]} leaves BatchNormalization ${layer.name} one value for each channel, which has no variance to normalize by; 2 or more are needed`,
        );
      }
      keep(own.movingMean, mean);
      const factor = runningVariance === "unbiased" ? count / (count - 1) : 1;
      keep(own.movingVariance, factor === 1 ? variance : tf.mul(variance, factor));
      const inverse = tf.rsqrt(tf.add(variance, own.epsilon));
      const scale = own.gamma ? tf.mul(inverse, tf.reshape(own.gamma.read(), across)) : inverse;
      const scaled = tf.mul(centered, scale);
      return own.beta ? tf.add(scaled, tf.reshape(own.beta.read(), across)) : scaled;
    });
  };
}
