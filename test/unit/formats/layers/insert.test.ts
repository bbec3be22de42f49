import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { Json } from "../../../../src/formats/layers/json.ts";
import { findLayerEdits } from "../../../../src/formats/layers/layer-edits.ts";
import { parseModelConfig } from "../../../../src/formats/layers/model-config.ts";
import { readLayers } from "../../../../src/formats/layers/read-layers.ts";
import { rewrittenConfig } from "../../../../src/formats/layers/rewrite-config.ts";
import { graphDifference } from "../../../../src/formats/layers/same-graph.ts";
import { NamedWeights } from "../../../../src/formats/layers/weight-store.ts";
import { float32Tensor, memoryTensor, type Tensor } from "../../../../src/graph/tensor.ts";
import { insertBatchNorm } from "../../../../src/passes/insert-batch-norm.ts";
import { checkedOptions } from "../../../../src/passes/options.ts";

interface Numbers {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

interface KerasModel {
  readonly name: string;
  readonly config: Json;
  readonly weights: Readonly<Record<string, Numbers>>;
}

const file = new URL("../../../oracles/keras-layers.json.gz", import.meta.url);
const models: KerasModel[] = JSON.parse(gunzipSync(readFileSync(file)).toString());

function inserted(name: string) {
  const { config, weights } = models.find((model) => model.name === name) as KerasModel;
  const tensors = Object.entries(weights).map(([weight, { shape, values }]) =>
    float32Tensor(weight, shape, values),
  );
  const model = parseModelConfig(config);
  const { graph, records } = readLayers(model, new NamedWeights(tensors), "keras3");
  const options = checkedOptions(insertBatchNorm, { outputLayer: true });
  const edited = insertBatchNorm.apply(graph, undefined, options);
  const edits = findLayerEdits(graph, edited.graph, records);
  const changed = rewrittenConfig(model, edits);
  const added = edits.weights.map(({ record, use, bytes }): Tensor => {
    const stored = `${record.path.at(-1)}/${use.weight}`;
    return memoryTensor(stored, use.storedDims, 1, bytes as Uint8Array);
  });
  const again = readLayers(
    parseModelConfig(changed),
    new NamedWeights([...tensors, ...added]),
    "keras3",
  );
  expect(graphDifference(edited.graph, again.graph)).toBeUndefined();
  return { changed, applied: edited.applied.length };
}

test("BatchNorms go into a functional model of Keras 3 as its own layers are written", () => {
  const { changed, applied } = inserted("functional, shared and nested");
  expect(applied).toBeGreaterThan(1);
  const { layers } = changed.config as unknown as { layers: Record<string, Json>[] };
  const told = layers.findIndex(({ name }) => name === "told");
  expect(layers[told + 1]).toEqual({
    module: "keras.layers",
    class_name: "BatchNormalization",
    config: {
      name: "told_norm",
      trainable: true,
      dtype: (layers.at(told)?.config as Record<string, Json> | undefined)?.dtype,
      axis: -1,
      momentum: 0.9,
      epsilon: 1e-5,
      center: true,
      scale: true,
    },
    registered_name: null,
    build_config: { input_shape: [null, 3] },
    name: "told_norm",
    inbound_nodes: [
      {
        args: [
          {
            class_name: "__keras_tensor__",
            config: { shape: [null, 3], dtype: "float32", keras_history: ["told", 0, 0] },
          },
        ],
        kwargs: {},
      },
    ],
  });
  const product = JSON.stringify(layers.find(({ name }) => name === "inner")?.inbound_nodes);
  expect(product).toContain('["told_norm",0,0]');
  expect(product).not.toContain('["told",0,0]');
});

test("a Sequential model of Keras 3 gets the BatchNorm and the activation it parts", () => {
  const { changed } = inserted("hard_sigmoid");
  const { layers } = changed.config as unknown as { layers: Record<string, Json>[] };
  expect(layers.map(({ class_name }) => class_name)).toEqual([
    "InputLayer",
    "Dense",
    "BatchNormalization",
    "Activation",
  ]);
  expect(layers[1]?.config).toMatchObject({ activation: "linear" });
  expect(layers[3]?.config).toMatchObject({ activation: "hard_sigmoid" });
  expect(layers.every((layer) => !("inbound_nodes" in layer))).toBe(true);
});
