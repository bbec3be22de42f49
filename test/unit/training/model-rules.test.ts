import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { modelReport } from "../../../src/engine/model-report.ts";
import { nodeDetail } from "../../../src/engine/node-detail.ts";
import type { Json } from "../../../src/formats/layers/json.ts";
import { parseModelConfig } from "../../../src/formats/layers/model-config.ts";
import { readLayers } from "../../../src/formats/layers/read-layers.ts";
import { NamedWeights } from "../../../src/formats/layers/weight-store.ts";
import { readModel } from "../../../src/formats/registry.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingConfig } from "../../../src/protocol/training.ts";
import { modelRules } from "../../../src/training/model-rules.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { layers, save, scramble, tf } from "../formats/tfjs/tfjs-models.ts";
import { trainSteps } from "./torch-steps.ts";

/** Float32 on both sides, ten steps apart; a rule left out errs by more than 1e-2. */
const TOLERANCE = 1e-4;
const [BATCH, STEPS, RATE] = [32, 10, 0.1];

const CONFIG: TrainingConfig = {
  ...DEFAULT_TRAINING_CONFIG,
  optimizer: { ...DEFAULT_TRAINING_CONFIG.optimizer, kind: "sgd", learningRate: RATE, momentum: 0 },
};

/** Ten steps by our own step graph, with the model's rules as the options leave them. */
async function ours(graph: Graph, config = CONFIG) {
  const rules = modelRules(graph, trainableParameters(graph), BATCH, config.fromModel);
  const options = { ...rules, penalized: new Set<string>(), limits: new Map() };
  return trainSteps(graph, config, options, { size: BATCH, steps: STEPS });
}

/** ‖a − b‖/‖b‖. */
function distance(found: Float32Array | undefined, expected: ArrayLike<number>): number {
  const numbers = Array.from(expected);
  const off = numbers.map((value, index) => value - (found?.[index] ?? Number.NaN));
  return Math.hypot(...off) / Math.max(Math.hypot(...numbers), 1e-6);
}

const {
  constraints,
  regularizers,
  layers: make,
} = layers as typeof layers & {
  constraints: typeof import("@tensorflow/tfjs-layers").constraints;
};

function ruledModel(): layers.LayersModel {
  const model = layers.sequential({ name: "ruled" });
  model.add(
    make.dense({
      units: 12,
      inputShape: [64],
      activation: "relu",
      name: "first",
      kernelRegularizer: regularizers.l2({ l2: 0.02 }),
      kernelConstraint: constraints.maxNorm({ maxValue: 0.8, axis: 0 }),
      biasRegularizer: regularizers.l1({ l1: 0.03 }),
    }),
  );
  model.add(
    make.batchNormalization({
      name: "norm",
      momentum: 0.7,
      gammaConstraint: constraints.nonNeg(),
    }),
  );
  model.add(
    make.dense({
      units: 11,
      name: "second",
      kernelRegularizer: regularizers.l1l2({ l1: 0.001, l2: 0.01 }),
      kernelConstraint: constraints.minMaxNorm({
        minValue: 0.5,
        maxValue: 0.9,
        rate: 0.6,
        axis: 1,
      }),
    }),
  );
  model.add(
    make.dense({
      units: 10,
      name: "logits",
      kernelConstraint: constraints.unitNorm({ axis: 0 }),
      biasConstraint: constraints.nonNeg(),
    }),
  );
  return model;
}

test("a TF.js model trains by its own regularizers, constraints and momentum, as TensorFlow.js does", async () => {
  const model = ruledModel();
  scramble(model);
  const graph = await readModel(await save(model));
  const { state } = await ours(graph);
  const { features, targets } = (await openDataset("digits")) as unknown as {
    features: Float32Array;
    targets: { labels: Int32Array };
  };
  model.compile({
    optimizer: tf.train.sgd(RATE),
    loss: (truth: tf.Tensor, output: tf.Tensor) => tf.losses.softmaxCrossEntropy(truth, output),
  });
  for (let step = 0; step < STEPS; step++) {
    const start = (step * BATCH) % 256;
    const x = tf.tensor2d(features.slice(start * 64, (start + BATCH) * 64), [BATCH, 64]);
    const labels = Array.from(targets.labels.slice(start, start + BATCH));
    await model.trainOnBatch(x, tf.oneHot(tf.tensor1d(labels, "int32"), 10));
    // Optimizers of TensorFlow.js pass constraints by, which act where a weight is written.
    for (const weight of model.trainableWeights) weight.write(tf.clone(weight.read()));
  }
  for (const weight of model.weights) {
    const expected = weight.read().dataSync();
    expect([weight.originalName, distance(state.get(weight.originalName), expected)]).toEqual([
      weight.originalName,
      expect.closeTo(0, -Math.log10(TOLERANCE)),
    ]);
  }
  const without = { regularizers: false, constraints: false, batchNorm: true, trainable: true };
  const plain = await ours(graph, { ...CONFIG, fromModel: without });
  const kernel = model.weights[0]?.read().dataSync() ?? [];
  expect(distance(plain.state.get("first/kernel"), kernel)).toBeGreaterThan(0.01);
});

test("constraints and regularizers are told by inspect, in each spelling", async () => {
  const graph = await readModel(await save(ruledModel()));
  const told = (modelReport(graph).layerRules ?? []).map(
    ({ node, what, rule }) => `${node}: ${what}: ${rule}`,
  );
  expect(told).toEqual([
    "first: weight regularizer: 0.02·Σw²",
    "first: weight constraint: norm at most 0.8 over axes [0]",
    "first: bias regularizer: 0.03·Σ|w|",
    "norm: gamma constraint: not negative",
    "second: weight regularizer: 0.001·Σ|w| + 0.01·Σw²",
    "second: weight constraint: norm from 0.5 to 0.9 over axes [1], rate 0.6",
    "logits: weight constraint: norm 1 over axes [0]",
    "logits: bias constraint: not negative",
  ]);
  expect(nodeDetail(graph, 0).attributes).toContainEqual({
    name: "weight constraint",
    value: "norm at most 0.8 over axes [0]",
  });
});

interface Golden {
  readonly config: Json;
  readonly weights: Readonly<Record<string, { shape: number[]; values: number[] }>>;
  readonly trained: Readonly<Record<string, number[]>>;
}

test("a model of Keras 3 trains by its rules, those of what layers put out too, as Keras does", async () => {
  const file = new URL("../../oracles/keras-rules.json.gz", import.meta.url);
  const golden: Golden = JSON.parse(gunzipSync(readFileSync(file)).toString());
  const tensors = Object.entries(golden.weights).map(([name, { shape, values }]) =>
    float32Tensor(name, shape, values),
  );
  const model = parseModelConfig(golden.config);
  const { graph } = readLayers(model, new NamedWeights(tensors), "keras3");
  const { state } = await ours(graph);
  const far = Object.entries(golden.trained).filter(
    ([name, values]) => !(distance(state.get(name), values) < TOLERANCE),
  );
  expect(far.map(([name]) => name)).toEqual([]);
});
