import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { Batch } from "../../data/batches.ts";
import type { TensorFlowModule } from "../../runtime/tensorflow.ts";
import type { LossSettings } from "../losses/loss.ts";
import type { LossKind } from "../losses/table.ts";

export interface TensorLossInputs {
  readonly tf: TensorFlowModule;
  /** The model's output, before an absorbed softmax or sigmoid. */
  readonly output: Tensor;
  readonly batch: Batch;
  readonly settings: LossSettings;
}

/** The mean over the batch, from which TensorFlow.js takes the gradient. */
type TensorLoss = (inputs: TensorLossInputs) => Scalar;

/** The formulas are those of src/training/losses, where each has its source. */
export const TENSOR_LOSSES: Readonly<Record<LossKind, TensorLoss>> = {
  "cross-entropy": crossEntropy,
  "binary-cross-entropy": ({ tf, output, batch, settings }) => {
    const smoothing = settings.labelSmoothing;
    const given = numbers(tf, output, batch);
    const target = tf.add(tf.mul(given, 1 - smoothing), smoothing / 2);
    return tf.mean<Scalar>(tf.sub(tf.softplus(output), tf.mul(target, output)));
  },
  "mean-squared-error": ({ tf, output, batch }) =>
    tf.mean<Scalar>(tf.squaredDifference(output, numbers(tf, output, batch))),
  "mean-absolute-error": ({ tf, output, batch }) => {
    // |d| as d·sign(d), whose gradient at 0 is 0; that of TensorFlow.js's abs is −1.
    const difference = tf.sub(output, numbers(tf, output, batch));
    return tf.mean<Scalar>(tf.mul(difference, tf.sign(difference)));
  },
  huber: ({ tf, output, batch, settings }) => {
    const difference = tf.sub(output, numbers(tf, output, batch));
    const clipped = tf.clipByValue(difference, -settings.delta, settings.delta);
    return tf.mean<Scalar>(tf.mul(clipped, tf.sub(difference, tf.mul(clipped, 0.5))));
  },
  "kl-divergence": (inputs) => {
    const { tf, output, batch } = inputs;
    const target = numbers(tf, output, batch);
    // The smallest normal float32 takes log 0 to a finite number, which 0 then multiplies to 0.
    const terms = tf.mul(target, tf.log(tf.maximum(target, 2 ** -126)));
    return tf.add(crossEntropy(inputs), tf.div(tf.sum(terms), batch.size));
  },
};

function crossEntropy({ tf, output, batch, settings }: TensorLossInputs): Scalar {
  const logits = tf.reshape(output, [batch.size, -1]);
  const classes = logits.shape[1] as number;
  const { labelSmoothing: smoothing, classWeights } = settings;
  const labels = tf.tensor1d(Int32Array.from(batch.labels, Number), "int32");
  const ofLabels = settings.targets === "classes";
  const given = ofLabels
    ? tf.oneHot(labels, classes)
    : tf.reshape(numbers(tf, output, batch), logits.shape);
  const target = tf.add(tf.mul(given, 1 - smoothing), smoothing / classes);
  const share =
    classWeights === undefined ? target : tf.mul(target, tf.tensor1d([...classWeights]));
  const total = tf.sum(tf.mul(share, tf.logSoftmax(logits)));
  const weights = ofLabels ? classWeights : undefined;
  const count = weights === undefined ? batch.size : labelWeight(batch, weights);
  return tf.div(total, -count);
}

/** Σ c of the batch's labels. */
function labelWeight({ labels }: Batch, weights: readonly number[]): number {
  return labels.reduce((sum, label) => sum + (weights[Number(label)] ?? 1), 0);
}

function numbers(tf: TensorFlowModule, output: Tensor, { values }: Batch): Tensor {
  return tf.tensor(values, output.shape);
}
