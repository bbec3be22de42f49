import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { seededRandom } from "../../../../src/data/random.ts";
import type { TensorFlowModule } from "../../../../src/runtime/tensorflow.ts";

/** Every weight drawn anew, so that no gradient is zero by accident; scales and variances positive. */
export function drawWeights(tf: TensorFlowModule, model: LayersModel, seed = 1): void {
  const random = seededRandom(seed, "test weights");
  const drawn = model.weights.map(({ name, shape }) => {
    const positive = /gamma|moving_variance/.test(name);
    const size = (shape as number[]).reduce((product, length) => product * length, 1);
    const numbers = Float32Array.from({ length: size }, () =>
      positive ? 0.5 + random.uniform() : 0.3 * random.normal(),
    );
    return tf.tensor(numbers, shape as number[]);
  });
  model.setWeights(drawn);
  for (const tensor of drawn) tensor.dispose();
}

/** Saves as TF.js does, model.json and one shard beside it, and forgets it. @returns the path. */
export async function saveLayers(model: LayersModel, folder: string): Promise<string> {
  const path = join(folder, "model.json");
  await model.save({
    save: async ({ modelTopology, weightSpecs, weightData }) => {
      const shard = "group1-shard1of1.bin";
      await writeFile(join(folder, shard), Buffer.from(weightData as ArrayBuffer));
      const document = {
        format: "layers-model",
        generatedBy: "TensorFlow.js tfjs-layers",
        modelTopology,
        weightsManifest: [{ paths: [shard], weights: weightSpecs }],
      };
      await writeFile(path, JSON.stringify(document));
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
    },
  });
  model.dispose();
  return path;
}

/** 8×8×1 → convolution, BatchNorm, ReLU, pooling → 10 classes; as small as it gets. */
export function smallNetwork(
  tf: TensorFlowModule,
  batchNorm: { scale?: boolean; center?: boolean } = {},
  dropout = 0,
): LayersModel {
  const { layers } = tf;
  const model = tf.sequential();
  model.add(
    layers.conv2d({
      inputShape: [8, 8, 1],
      filters: 6,
      kernelSize: 3,
      padding: "same",
      // Before BatchNorm a bias has no gradient but rounding, which Adam would make steps of.
      useBias: false,
      name: "conv",
    }),
  );
  model.add(layers.batchNormalization({ name: "norm", ...batchNorm }));
  model.add(layers.activation({ activation: "relu", name: "relu" }));
  model.add(layers.maxPooling2d({ poolSize: 2, name: "pool" }));
  model.add(layers.flatten({ name: "flat" }));
  if (dropout > 0) model.add(layers.dropout({ rate: dropout, name: "drop" }));
  model.add(layers.dense({ units: 10, activation: "softmax", name: "dense" }));
  drawWeights(tf, model);
  return model;
}
