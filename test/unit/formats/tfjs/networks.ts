import { layers, randomInput, tf } from "./tfjs-models.ts";

export interface Network {
  readonly name: string;
  build(): layers.LayersModel;
  inputs(): tf.Tensor[];
  /** How many BatchNorms fold. */
  readonly folds: number;
  /** Names of the layers that are gone then. */
  readonly gone: readonly string[];
}

const { layers: make } = layers;

type Value = layers.SymbolicTensor;

/** A Sequential network for images, without and with an InputLayer of its own. */
function cnn(listedInput: boolean): layers.LayersModel {
  const model = layers.sequential({ name: "cnn" });
  const first = { filters: 6, kernelSize: 3, name: "conv_a", useBias: false } as const;
  if (listedInput) model.add(make.inputLayer({ inputShape: [10, 9, 3] }));
  model.add(make.conv2d(listedInput ? first : { ...first, inputShape: [10, 9, 3] }));
  model.add(make.batchNormalization({ name: "bn_a" }));
  model.add(make.activation({ activation: "relu", name: "relu_a" }));
  model.add(make.depthwiseConv2d({ kernelSize: 3, padding: "same", strides: 2, name: "conv_b" }));
  model.add(make.batchNormalization({ name: "bn_b", scale: false }));
  model.add(make.reLU({ maxValue: 6, name: "relu_b" }));
  model.add(make.maxPooling2d({ poolSize: 2, name: "pool" }));
  model.add(make.flatten({ name: "flat" }));
  model.add(make.dropout({ rate: 0.25, name: "drop" }));
  model.add(make.dense({ units: 7, name: "dense_a" }));
  model.add(make.batchNormalization({ name: "bn_c" }));
  model.add(make.dense({ units: 4, activation: "softmax", name: "dense_b" }));
  return model;
}

function mlp(): layers.LayersModel {
  const model = layers.sequential({ name: "mlp" });
  model.add(make.batchNormalization({ inputShape: [6], name: "bn_first" }));
  model.add(make.dense({ units: 8, name: "dense_a" }));
  model.add(make.batchNormalization({ name: "bn_a" }));
  model.add(make.leakyReLU({ alpha: 0.1, name: "relu_a" }));
  model.add(make.dense({ units: 3, name: "dense_b" }));
  model.add(make.batchNormalization({ name: "bn_last" }));
  return model;
}

/** A residual network with two inputs, two outputs and a join along the channels. */
function residual(): layers.LayersModel {
  const image = layers.input({ shape: [8, 8, 4], name: "image" });
  const facts = layers.input({ shape: [5], name: "facts" });
  const block = (x: Value, name: string): Value => {
    const conv = make.conv2d({ filters: 4, kernelSize: 3, padding: "same", name: `${name}_conv` });
    const norm = make.batchNormalization({ name: `${name}_bn` });
    const relu = make.reLU({ name: `${name}_relu` });
    return relu.apply(norm.apply(conv.apply(x) as Value) as Value) as Value;
  };
  const one = block(image, "one");
  const two = block(one, "two");
  const sum = make.add({ name: "sum" }).apply([one, two]) as Value;
  const joined = make.concatenate({ name: "joined" }).apply([sum, image]) as Value;
  const pooled = make
    .globalAveragePooling2d({ name: "gap", dataFormat: "channelsLast" })
    .apply(joined) as Value;
  const told = make.dense({ units: 3, name: "told" }).apply(facts) as Value;
  const normal = make.batchNormalization({ name: "told_bn" }).apply(told) as Value;
  const all = make.concatenate({ name: "all" }).apply([pooled, normal]) as Value;
  const scores = make.dense({ units: 2, name: "scores" }).apply(all) as Value;
  return layers.model({ inputs: [image, facts], outputs: [scores, sum], name: "residual" });
}

/** A model inside another, and a layer that is used twice. */
function nested(): layers.LayersModel {
  const inner = layers.sequential({ name: "encoder" });
  inner.add(make.dense({ units: 5, inputShape: [6], name: "inner_dense" }));
  inner.add(make.batchNormalization({ name: "inner_bn" }));
  inner.add(make.activation({ activation: "tanh", name: "inner_tanh" }));
  const [left, right] = [
    layers.input({ shape: [6], name: "left" }),
    layers.input({ shape: [6], name: "right" }),
  ];
  const shared = make.dense({ units: 4, name: "shared" });
  const sides = [left, right].map((side) => shared.apply(inner.apply(side) as Value) as Value);
  const product = make.multiply({ name: "product" }).apply(sides) as Value;
  return layers.model({ inputs: [left, right], outputs: product, name: "nested" });
}

/** Sentences of 7 words out of 9, as numbers. */
function sentences(): layers.LayersModel {
  const model = layers.sequential({ name: "sentences" });
  model.add(make.embedding({ inputDim: 9, outputDim: 5, inputLength: 7, name: "words" }));
  const layer = make.lstm({ units: 4, returnSequences: true, name: "both" });
  model.add(make.bidirectional({ layer: layer as layers.RNN, mergeMode: "concat", name: "bi" }));
  model.add(make.dropout({ rate: 0.2, name: "drop" }));
  model.add(make.gru({ units: 4, name: "last" }));
  model.add(make.dense({ units: 6, useBias: false, name: "hidden" }));
  model.add(make.batchNormalization({ name: "norm" }));
  model.add(make.activation({ activation: "relu", name: "relu" }));
  model.add(make.dense({ units: 3, activation: "softmax", name: "scores" }));
  return model;
}

export function networks(): Network[] {
  const image = () => [randomInput([2, 10, 9, 3])];
  const cnnFolds = { folds: 3, gone: ["bn_a", "bn_b", "bn_c"] };
  return [
    { name: "a Sequential CNN", build: () => cnn(false), inputs: image, ...cnnFolds },
    { name: "a CNN with an InputLayer", build: () => cnn(true), inputs: image, ...cnnFolds },
    {
      name: "an MLP",
      build: mlp,
      inputs: () => [randomInput([4, 6])],
      folds: 3,
      gone: ["bn_first", "bn_a", "bn_last"],
    },
    {
      name: "a residual network",
      build: residual,
      inputs: () => [randomInput([2, 8, 8, 4]), randomInput([2, 5], 4)],
      folds: 3,
      gone: ["one_bn", "two_bn", "told_bn"],
    },
    {
      name: "a classifier of sentences",
      build: sentences,
      inputs: () => [
        tf.tensor(
          [
            [1, 2, 3, 4, 5, 6, 7],
            [8, 0, 0, 2, 4, 6, 1],
          ],
          [2, 7],
        ),
      ],
      folds: 1,
      gone: ["norm"],
    },
    {
      name: "a model inside a model",
      build: nested,
      inputs: () => [randomInput([3, 6]), randomInput([3, 6], 5)],
      folds: 2,
      gone: ["inner_bn"],
    },
  ];
}
