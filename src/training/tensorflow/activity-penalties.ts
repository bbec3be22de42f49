import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Regularizer } from "../../graph/weight-rules.ts";
import type { TensorFlowModule } from "../../runtime/tensorflow.ts";
import type { LayerCall } from "./batch-norm.ts";
import { leafLayers } from "./layer-weights.ts";

/**
 * What layers are penalized by for their outputs y, as Keras does (keras/src/layers/layer.py):
 *
 *   (l1·Σ|y| + l2·Σy²)/samples of the batch
 *
 * TensorFlow.js has no such regularizers. Here each call of a layer while training adds its own.
 */
export class ActivityPenalties {
  readonly #tf: TensorFlowModule;
  #added: Scalar[] = [];

  /** @param activities by the layer's name. */
  constructor(
    tf: TensorFlowModule,
    model: LayersModel,
    activities: ReadonlyMap<string, Regularizer>,
  ) {
    this.#tf = tf;
    for (const layer of leafLayers(model)) {
      const regularizer = activities.get(layer.name);
      if (regularizer === undefined) continue;
      const own = layer as unknown as { call: LayerCall };
      const call = own.call.bind(layer);
      own.call = (inputs, options) => {
        const output = call(inputs, options);
        const [value] = Array.isArray(output) ? output : [output];
        if (options.training === true && value) this.#added.push(this.#penalty(value, regularizer));
        return output;
      };
    }
  }

  /** Forgets what was computed before. */
  begin(): void {
    for (const penalty of this.#added) penalty.dispose();
    this.#added = [];
  }

  /** The sum since it began; undefined where there is none. */
  get sum(): Scalar | undefined {
    return this.#added.length === 0 ? undefined : (this.#tf.addN(this.#added) as Scalar);
  }

  #penalty(output: Tensor, { l1, l2 }: Regularizer): Scalar {
    const tf = this.#tf;
    // |y| as y·sign(y), whose gradient at 0 is 0; that of TensorFlow.js's abs is −1.
    const absolute = tf.sum(tf.mul(output, tf.sign(output)));
    const square = tf.sum(tf.square(output));
    const sum = tf.add(tf.mul(absolute, l1), tf.mul(square, l2));
    // What a layer makes beside its output is thrown away behind it.
    return tf.keep(tf.div<Scalar>(sum, output.shape[0] ?? 1));
  }
}
