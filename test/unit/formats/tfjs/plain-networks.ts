import type { Network } from "./networks.ts";
import { layers, randomInput } from "./tfjs-models.ts";

const { layers: make } = layers;

type Value = layers.SymbolicTensor;

/** Without any normalization, and with the activations as fields of the layers. */
function cnn(): layers.LayersModel {
  const model = layers.sequential({ name: "plain_cnn" });
  const relu = { activation: "relu" } as const;
  model.add(
    make.conv2d({ filters: 6, kernelSize: 3, name: "conv_a", inputShape: [10, 9, 3], ...relu }),
  );
  model.add(make.conv2d({ filters: 5, kernelSize: 3, name: "conv_b", activation: "tanh" }));
  model.add(make.maxPooling2d({ poolSize: 2, name: "pool" }));
  model.add(make.flatten({ name: "flat" }));
  model.add(make.dense({ units: 7, name: "dense_a", activation: "elu" }));
  model.add(make.dense({ units: 4, activation: "softmax", name: "dense_b" }));
  return model;
}

function residual(): layers.LayersModel {
  const image = layers.input({ shape: [8, 8, 4], name: "image" });
  const conv = (name: string) =>
    make.conv2d({ filters: 4, kernelSize: 3, padding: "same", activation: "relu", name });
  const one = conv("one").apply(image) as Value;
  const two = conv("two").apply(one) as Value;
  const sum = make.add({ name: "sum" }).apply([one, two]) as Value;
  const pooled = make
    .globalAveragePooling2d({ name: "gap", dataFormat: "channelsLast" })
    .apply(sum) as Value;
  const hidden = make.dense({ units: 5, activation: "sigmoid", name: "hidden" }).apply(pooled);
  const scores = make.dense({ units: 2, name: "scores" }).apply(hidden as Value) as Value;
  return layers.model({ inputs: image, outputs: [scores, sum], name: "plain_residual" });
}

/** A model inside a model, and a layer that is called twice with different neighbours. */
function nested(): layers.LayersModel {
  const inner = layers.sequential({ name: "encoder" });
  inner.add(make.dense({ units: 5, inputShape: [6], name: "inner_a", activation: "relu" }));
  inner.add(make.dense({ units: 6, name: "inner_b", activation: "tanh" }));
  const [left, right] = [
    layers.input({ shape: [6], name: "left" }),
    layers.input({ shape: [6], name: "right" }),
  ];
  const shared = make.dense({ units: 4, name: "shared", activation: "relu" });
  const sides = [inner.apply(left), right].map((side) => shared.apply(side as Value) as Value);
  const joined = make.concatenate({ name: "joined" }).apply(sides) as Value;
  const scores = make.dense({ units: 3, name: "scores" }).apply(joined) as Value;
  return layers.model({ inputs: [left, right], outputs: scores, name: "plain_nested" });
}

export function plainNetworks(): (Omit<Network, "folds" | "gone"> & { hidden: number })[] {
  return [
    { name: "a CNN", build: cnn, inputs: () => [randomInput([2, 10, 9, 3])], hidden: 3 },
    {
      name: "a residual network",
      build: residual,
      inputs: () => [randomInput([2, 8, 8, 4])],
      hidden: 3,
    },
    {
      name: "a model inside a model and a shared layer",
      build: nested,
      inputs: () => [randomInput([3, 6]), randomInput([3, 6], 5)],
      hidden: 4,
    },
  ];
}
