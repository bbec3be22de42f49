import { expect, test } from "vitest";
import { parseModelConfig } from "../../../../src/formats/layers/model-config.ts";
import { readLayers } from "../../../../src/formats/layers/read-layers.ts";
import { NamedWeights } from "../../../../src/formats/layers/weight-store.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";
import { missingGradientRules } from "../../../../src/training/autodiff.ts";
import { trainableParameters } from "../../../../src/training/parameters.ts";

/** A Sequential model over (3, 2) whose weights are all zeros. */
function read(layers: readonly object[], weights: Readonly<Record<string, readonly number[]>>) {
  const input = { class_name: "InputLayer", config: { name: "x", batch_shape: [null, 3, 2] } };
  const config = { name: "model", layers: [input, ...layers] };
  const topology = JSON.parse(JSON.stringify({ class_name: "Sequential", config }));
  const tensors = Object.entries(weights).map(([name, dims]) =>
    float32Tensor(name, dims, new Float32Array(dims.reduce((all, size) => all * size, 1))),
  );
  const { graph } = readLayers(parseModelConfig(topology), new NamedWeights(tensors), "keras3");
  const names = trainableParameters(graph).map(({ name }) => name);
  return { names, missing: missingGradientRules(graph, names) };
}

test("a gamma or beta that a BatchNormalization goes without is not trained", () => {
  const statistics = { "norm/moving_mean": [2], "norm/moving_variance": [2] };
  const norm = (scale: boolean, center: boolean) => ({
    class_name: "BatchNormalization",
    config: { name: "norm", scale, center },
  });
  expect(read([norm(false, false)], statistics).names).toEqual([]);
  expect(read([norm(false, true)], { ...statistics, "norm/beta": [2] }).names).toEqual([
    "norm/beta",
  ]);
});

test("numbers that a config states are not trained, behind another layer either", () => {
  const dense = { class_name: "Dense", config: { name: "dense", units: 2, use_bias: false } };
  const scaled = { class_name: "Rescaling", config: { name: "r", scale: [1, 2], offset: [3, 4] } };
  expect(read([dense, scaled], { "dense/kernel": [2, 2] }).names).toEqual(["dense/kernel"]);
});

test("each weight of a recurrent layer is trained, and no zeros beside its bias", () => {
  const mask = { class_name: "Masking", config: { name: "mask" } };
  const lstm = {
    class_name: "LSTM",
    config: { name: "lstm", units: 4, recurrent_activation: "sigmoid", return_sequences: true },
  };
  const weights = { "lstm/kernel": [2, 16], "lstm/recurrent_kernel": [4, 16], "lstm/bias": [16] };
  for (const layers of [[lstm], [mask, lstm]]) {
    const { names, missing } = read(layers, weights);
    expect(names.toSorted()).toEqual(Object.keys(weights).toSorted());
    expect(missing).toEqual([]);
  }
});
