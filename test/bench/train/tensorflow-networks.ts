import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { TensorFlowModule } from "../../../src/runtime/tensorflow.ts";

type Tf = Pick<TensorFlowModule, "layers" | "sequential">;

/** The benchmark's networks of networks.py as layers models; their input is NHWC. */
export const LAYERS_NETWORKS: Readonly<Record<string, (tf: Tf) => LayersModel>> = {
  "digits-mlp": (tf) => {
    const model = tf.sequential();
    for (const inputShape of [[64], undefined, undefined]) {
      const shape = inputShape === undefined ? {} : { inputShape };
      model.add(tf.layers.dense({ units: 100, activation: "sigmoid", ...shape }));
    }
    model.add(tf.layers.dense({ units: 10 }));
    return model;
  },
  "digits-cnn": (tf) => {
    const { layers } = tf;
    const model = tf.sequential();
    addConvolution(tf, model, 16, 1, [8, 8, 1]);
    addConvolution(tf, model, 32, 1);
    model.add(layers.maxPooling2d({ poolSize: 2 }));
    addConvolution(tf, model, 64, 1);
    model.add(layers.globalAveragePooling2d({ dataFormat: "channelsLast" }));
    model.add(layers.dense({ units: 10 }));
    return model;
  },
  cnn28: (tf) => {
    const { layers } = tf;
    const model = tf.sequential();
    addConvolution(tf, model, 16, 1, [28, 28, 1]);
    model.add(layers.maxPooling2d({ poolSize: 2 }));
    addConvolution(tf, model, 32, 1);
    model.add(layers.maxPooling2d({ poolSize: 2 }));
    model.add(layers.flatten());
    model.add(layers.dense({ units: 10 }));
    return model;
  },
  cnn32: (tf) => {
    const model = tf.sequential();
    addConvolution(tf, model, 32, 1, [32, 32, 3]);
    addConvolution(tf, model, 64, 2);
    addConvolution(tf, model, 128, 2);
    model.add(tf.layers.globalAveragePooling2d({ dataFormat: "channelsLast" }));
    model.add(tf.layers.dense({ units: 10 }));
    return model;
  },
};

/** Convolution 3×3 without bias, BatchNorm, ReLU. */
function addConvolution(
  { layers }: Tf,
  model: ReturnType<Tf["sequential"]>,
  filters: number,
  strides: number,
  inputShape?: [number, number, number],
): void {
  const shape = inputShape === undefined ? {} : { inputShape };
  const padding = { padding: "same", useBias: false } as const;
  model.add(layers.conv2d({ filters, kernelSize: 3, strides, ...padding, ...shape }));
  model.add(layers.batchNormalization());
  model.add(layers.activation({ activation: "relu" }));
}
