import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../../src/data/random.ts";
import { encodeNpz } from "../../../../src/data/write-npz.ts";
import { readModel } from "../../../../src/formats/registry.ts";
import type { ValueInfo } from "../../../../src/graph/graph.ts";
import type { Tensor } from "../../../../src/graph/tensor.ts";
import { declaredType } from "../../../../src/operators/infer-shapes.ts";
import { readLayersFile } from "../../../../src/training/tensorflow/layers-file.ts";
import { TENSORFLOW_FOLDER, WHERE_TENSORFLOW_IS } from "../../../support/tensorflow.ts";
import { temporaryFolder } from "../run-training.ts";
import { runOnTensorFlow } from "./run.ts";
import { expectSameCurve } from "./same-curve.ts";

const FIXTURES = new URL("../../../fixtures/keras/", import.meta.url);

async function fixture(name: string) {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, gunzipSync(readFileSync(new URL(`${name}.gz`, FIXTURES))));
  return path;
}

/** 45 samples that fit a model, with numbers as targets: ten steps of four, and some to validate on. */
async function dataFor(path: string): Promise<string> {
  const { inputs, outputs } = await readModel(path);
  const random = seededRandom(5, "keras data");
  const drawn = (name: string, info: ValueInfo | undefined) => {
    const shape = [45, ...((info && declaredType(info)?.shape) ?? []).slice(1).map(Number)];
    const size = shape.reduce((product, length) => product * length, 1);
    return { name, shape, values: Float32Array.from({ length: size }, () => random.normal()) };
  };
  const data = join(path, "..", "data.npz");
  await writeFile(data, encodeNpz([drawn("x", inputs[0]), drawn("y", outputs[0])]));
  return data;
}

const STEPS = {
  loss: "mean-squared-error",
  batchSize: 4,
  optimizer: { kind: "sgd", learningRate: 0.01, momentum: 0 },
};

describe.skipIf(TENSORFLOW_FOLDER === undefined)(
  `Keras on TensorFlow${WHERE_TENSORFLOW_IS}`,
  () => {
    // Models in models, wrapped, shared and held layers, penalized outputs; the residual network has BatchNorms.
    test.each(["wrapped.keras", "wrapped.h5", "resnet.keras"])(
      "%s draws ONNX Runtime's loss curve",
      async (name) => {
        const path = await fixture(name);
        await expectSameCurve(path, { ...STEPS, data: await dataFor(path) });
      },
    );

    test.each(["wrapped.keras", "wrapped.h5"])(
      "%s is written in its own format, best and output",
      async (name) => {
        const path = await fixture(name);
        const part = { ...STEPS, data: await dataFor(path), weights: "fresh", maxEpochs: 2 };
        const output = join(path, "..", `trained-${name}`);
        const { result } = await runOnTensorFlow(path, part, { output });
        expect(basename(result.bestModel)).toBe(`best${extname(name)}`);
        // HDF5 has the time in it, so that bytes may differ.
        const [saved, best] = [
          await readLayersFile(output),
          await readLayersFile(result.bestModel),
        ];
        expect(saved.fingerprint).toBe(best.fingerprint);
        const [before, after] = [await readModel(path), await readModel(output)];
        expect(after.source.format).toBe(before.source.format);
        expect(after.nodes.map((node) => node.name)).toEqual(before.nodes.map((node) => node.name));
        const same = [...before.initializers.values()].filter((tensor) => {
          const now = after.initializers.get(tensor.name) as Tensor;
          return Buffer.compare(now.data.read(), tensor.data.read()) === 0;
        });
        // The layer that is not trainable, and no other; the rest are sizes.
        const kept = same.map((tensor) => tensor.name).filter((each) => each.includes("/"));
        const still = ["beta", "gamma", "moving_mean", "moving_variance"];
        expect(kept.toSorted()).toEqual(still.map((weight) => `still/${weight}`));
      },
    );

    test.each([
      [
        "unet.keras",
        /unet\.keras: TensorFlow\.js cannot build the model: Unknown layer: SpatialDropout2D$/,
      ],
      ["sequences.keras", /TensorFlow\.js cannot build the model: .* reset_after/],
      [
        "sloped.keras",
        /TensorFlow\.js computes something else from this model than Keras does: outputs/,
      ],
    ])(
      "%s, which TensorFlow.js has no layers for, is refused before anything is written",
      async (name, sentence) => {
        const path = await fixture(name);
        const runsFolder = join(path, "..", "runs");
        const part = { ...STEPS, data: await dataFor(path) };
        await expect(runOnTensorFlow(path, part, { runsFolder })).rejects.toThrow(sentence);
        expect(existsSync(runsFolder)).toBe(false);
      },
    );
  },
);
