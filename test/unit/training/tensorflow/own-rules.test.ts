import type { LayersModel } from "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, test } from "vitest";
import type { TensorFlowModule } from "../../../../src/runtime/tensorflow.ts";
import { TENSORFLOW_FOLDER, tensorFlow, WHERE_TENSORFLOW_IS } from "../../../support/tensorflow.ts";
import { temporaryFolder } from "../run-training.ts";
import { drawWeights, saveLayers } from "./layers-models.ts";
import { expectSameCurve } from "./same-curve.ts";

/** Each kind of rule that a TensorFlow.js layer may state, strong enough to act in ten steps. */
function ruledNetwork(tf: TensorFlowModule): LayersModel {
  const { layers, regularizers, constraints } = tf;
  const model = tf.sequential();
  model.add(
    layers.conv2d({
      inputShape: [8, 8, 1],
      filters: 6,
      kernelSize: 3,
      useBias: false,
      name: "conv",
      kernelRegularizer: regularizers.l1l2({ l1: 0.003, l2: 0.02 }),
      // A list of axes, as files of Keras have it.
      kernelConstraint: constraints.maxNorm({ maxValue: 0.7, axis: [0, 1, 2] as never }),
    }),
  );
  model.add(
    layers.batchNormalization({
      name: "norm",
      momentum: 0.7,
      gammaRegularizer: regularizers.l2({ l2: 0.05 }),
      gammaConstraint: constraints.nonNeg(),
    }),
  );
  model.add(layers.activation({ activation: "relu", name: "relu" }));
  model.add(layers.flatten({ name: "flat" }));
  model.add(
    layers.dense({
      units: 12,
      activation: "tanh",
      name: "hidden",
      kernelRegularizer: regularizers.l2({ l2: 0.01 }),
      kernelConstraint: constraints.minMaxNorm({ minValue: 0.5, maxValue: 1.5, rate: 0.5 }),
      biasRegularizer: regularizers.l1({ l1: 0.05 }),
      biasConstraint: constraints.nonNeg(),
    }),
  );
  const unit = constraints.unitNorm({ axis: 0 });
  const last = { units: 10, activation: "softmax", name: "dense" } as const;
  model.add(layers.dense({ ...last, kernelConstraint: unit }));
  drawWeights(tf, model);
  return model;
}

/** Regularizers that TensorFlow.js counts never, in a recurrent layer, and twice, in one that is called twice. */
function sharedAndRecurrent(tf: TensorFlowModule): LayersModel {
  const { layers, regularizers } = tf;
  const { l2 } = regularizers;
  const input = tf.input({ shape: [8, 8, 1], name: "image" });
  const rows = layers.reshape({ targetShape: [8, 8], name: "rows" }).apply(input);
  const lstm = layers.lstm({
    units: 6,
    name: "lstm",
    kernelRegularizer: l2({ l2: 0.05 }),
    recurrentRegularizer: l2({ l2: 0.05 }),
    recurrentConstraint: tf.constraints.maxNorm({ maxValue: 0.5, axis: 0 }),
  });
  const twice = layers.dense({ units: 6, name: "twice", kernelRegularizer: l2({ l2: 0.05 }) });
  const once = twice.apply(lstm.apply(rows));
  const output = layers.dense({ units: 10, name: "dense" }).apply(twice.apply(once));
  const model = tf.model({ inputs: input, outputs: output as never });
  drawWeights(tf, model);
  return model;
}

describe.skipIf(TENSORFLOW_FOLDER === undefined)(`TensorFlow${WHERE_TENSORFLOW_IS}`, () => {
  let path: string;
  beforeAll(async () => {
    path = await saveLayers(ruledNetwork(tensorFlow().tf), await temporaryFolder());
  });

  const sgd = { kind: "sgd", learningRate: 0.1, momentum: 0 };

  test("layers' own regularizers, constraints and momentum act as on ONNX Runtime", async () => {
    const own = await expectSameCurve(path, { optimizer: sgd });
    for (const left of ["regularizers", "constraints"] as const) {
      const without = await expectSameCurve(path, { optimizer: sgd, fromModel: { [left]: false } });
      expect(Math.abs((without[9] as number) / (own[9] as number) - 1)).toBeGreaterThan(1e-3);
    }
  });

  test("they add to those of the options, and are left out where weights are frozen", async () => {
    const part = { l1: 1e-3, l2: 1e-2, maxNorm: { limit: 0.8 }, accumulateBatches: 2 };
    await expectSameCurve(path, { ...part, frozen: { names: ["hidden/kernel"] } });
    await expectSameCurve(path, { ...part, fromModel: { batchNorm: false } });
  });

  test("layers that are not trainable keep weights and statistics, or not, as on ONNX Runtime", async () => {
    const still = ruledNetwork(tensorFlow().tf);
    for (const name of ["conv", "norm"]) still.getLayer(name).trainable = false;
    const held = await saveLayers(still, await temporaryFolder());
    const curve = await expectSameCurve(held, { optimizer: sgd });
    const free = await expectSameCurve(held, { optimizer: sgd, fromModel: { trainable: false } });
    expect(Math.abs((free[0] as number) / (curve[0] as number) - 1)).toBeGreaterThan(1e-3);
  });

  test("each weight has its regularizer once", async () => {
    const shared = await saveLayers(sharedAndRecurrent(tensorFlow().tf), await temporaryFolder());
    await expectSameCurve(shared, { optimizer: sgd });
  });
});
