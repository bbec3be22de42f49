import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { Json } from "../../../../src/formats/layers/json.ts";
import { parseModelConfig } from "../../../../src/formats/layers/model-config.ts";
import { readLayers } from "../../../../src/formats/layers/read-layers.ts";
import { NamedWeights } from "../../../../src/formats/layers/weight-store.ts";
import { encodeModel } from "../../../../src/formats/onnx/write.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";
import { verify } from "../../../../src/graph/verify.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";

interface Numbers {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

interface KerasModel {
  readonly name: string;
  readonly config: Json;
  readonly weights: Readonly<Record<string, Numbers>>;
  readonly inputs: readonly Numbers[];
  readonly output: readonly number[];
}

const file = new URL("../../../oracles/keras-layers.json.gz", import.meta.url);
const models: KerasModel[] = JSON.parse(gunzipSync(readFileSync(file)).toString());

/** Float32 sums of a few hundred products; a wrong axis or convention errs by far more than 1e-3. */
const TOLERANCE = 1e-5;

test.each(models)("$name computes what Keras 3 computes", async (model) => {
  const tensors = Object.entries(model.weights).map(([name, { shape, values }]) =>
    float32Tensor(name, shape, values),
  );
  const { graph } = readLayers(parseModelConfig(model.config), new NamedWeights(tensors), "keras3");
  expect(verify(graph)).toEqual([]);
  const session = await (await loadRuntime()).createSession(encodeModel(graph));
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name }, index) => {
      const { shape, values } = model.inputs[index] as Numbers;
      return [name, { type: "float32", dims: shape, data: Float32Array.from(values) } as const];
    }),
  );
  const result = (await session.run(feeds))[graph.outputs[0]?.name ?? ""];
  await session.release();
  expect(result?.data.length).toBe(model.output.length);
  const scale = Math.max(...model.output.map(Math.abs));
  const differences = model.output.map((value, i) => Math.abs(value - Number(result?.data[i])));
  expect(Math.max(...differences) / scale).toBeLessThan(TOLERANCE);
});
