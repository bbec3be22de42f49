import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { TrainingConfig } from "../../protocol/training.ts";
import type { TensorFlowModule } from "../../runtime/tensorflow.ts";
import type { WeightPenalty } from "../weight-penalty.ts";
import type { TrainedWeight } from "./layer-weights.ts";

type Gradients = ReadonlyMap<string, Tensor>;

/** Keeps the division finite where all gradients are 0; as src/training/gradient-clipping.ts. */
const NORM_EPSILON = 1e-6;

/**
 * The gradients with those of l1·Σ|w| + l2·½·Σw² added, l1·sign(w) + l2·w, and the penalty itself;
 * see src/training/weight-penalty.ts. The strengths are those of the options and the layers' own.
 */
export function penalized(
  tf: TensorFlowModule,
  config: Pick<TrainingConfig, "l1" | "l2" | "decayedParameters" | "fromModel">,
  trained: readonly TrainedWeight[],
  gradients: Gradients,
): { readonly penalty?: Scalar; readonly gradients: Gradients } {
  const whole = new Map(gradients);
  const penalties: Scalar[] = [];
  for (const weight of trained) {
    const { name, variable } = weight;
    const { l1, l2 } = strengthOf(weight, config);
    let gradient = gradients.get(name) as Tensor;
    if (l1 !== 0) {
      gradient = tf.add(gradient, tf.mul(tf.sign(variable), l1));
      penalties.push(tf.mul(tf.sum(tf.abs(variable)), l1));
    }
    if (l2 !== 0) {
      gradient = tf.add(gradient, tf.mul(variable, l2));
      penalties.push(tf.mul(tf.sum(tf.square(variable)), l2 / 2));
    }
    whole.set(name, gradient);
  }
  if (penalties.length === 0) return { gradients };
  return { penalty: tf.addN(penalties) as Scalar, gradients: whole };
}

function strengthOf(
  { isWeight, penalty }: TrainedWeight,
  { l1, l2, decayedParameters, fromModel }: Parameters<typeof penalized>[1],
): WeightPenalty {
  const asked = isWeight || decayedParameters === "all" ? { l1, l2 } : NONE;
  const own = (fromModel.regularizers ? penalty : undefined) ?? NONE;
  return { l1: asked.l1 + own.l1, l2: asked.l2 + own.l2 };
}

const NONE: WeightPenalty = { l1: 0, l2: 0 };

/** g ← min(max(g, −v), v), then g ← g·min(1, c/(‖g‖ + 1e-6)) with ‖g‖ over all of them. */
export function clipped(
  tf: TensorFlowModule,
  { norm, value }: TrainingConfig["gradientClipping"],
  gradients: Gradients,
): Gradients {
  const bounded =
    value === 0
      ? gradients
      : mapped(gradients, (gradient) => tf.clipByValue(gradient, -value, value));
  if (norm === 0) return bounded;
  const squares = [...bounded.values()].map((gradient) => tf.sum(tf.square(gradient)));
  const total = tf.sqrt(tf.addN(squares));
  const factor = tf.minimum(tf.div(norm, tf.add(total, NORM_EPSILON)), 1);
  return mapped(bounded, (gradient) => tf.mul(gradient, factor));
}

/** w ← w·min(1, c/‖w‖) for each output unit; see src/training/max-norm.ts. @param limit c; 0 is off. */
export function withinLimit(
  tf: TensorFlowModule,
  { unitAxes }: TrainedWeight,
  limit: number,
  weight: Tensor,
): Tensor {
  if (limit === 0 || unitAxes === undefined) return weight;
  const norm = tf.sqrt(tf.sum(tf.square(weight), [...unitAxes], true));
  return tf.mul(weight, tf.minimum(tf.div(limit, norm), 1));
}

function mapped(gradients: Gradients, change: (gradient: Tensor) => Tensor): Gradients {
  return new Map([...gradients].map(([name, gradient]) => [name, change(gradient)]));
}
