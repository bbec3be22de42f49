import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import type { Json } from "../../../../src/formats/layers/json.ts";
import { parseModelConfig } from "../../../../src/formats/layers/model-config.ts";
import { readLayers } from "../../../../src/formats/layers/read-layers.ts";
import { NamedWeights } from "../../../../src/formats/layers/weight-store.ts";
import { encodeModel } from "../../../../src/formats/onnx/write.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";
import { verify } from "../../../../src/graph/verify.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";
import type { RuntimeTensor } from "../../../../src/runtime/runtime.ts";

interface Numbers {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** float32 where left out. */
  readonly type?: string;
}

/** A model of Keras with what it computes, as test/oracles/keras_layers.py writes it. */
export interface KerasModel {
  readonly name: string;
  readonly config: Json;
  readonly weights: Readonly<Record<string, Numbers>>;
  readonly inputs: readonly Numbers[];
  readonly output: readonly number[];
}

/** @param name of the file in test/oracles. */
export function kerasModels(name: string): readonly KerasModel[] {
  const file = new URL(`../../../oracles/${name}`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(file)).toString());
}

export function graphOf({ config, weights }: KerasModel): Graph {
  const tensors = Object.entries(weights).map(([name, { shape, values }]) =>
    float32Tensor(name, shape, values),
  );
  return readLayers(parseModelConfig(config), new NamedWeights(tensors), "keras3").graph;
}

/** Float32 sums of a few hundred products; a wrong axis or convention errs by far more than 1e-3. */
const TOLERANCE = 1e-5;

export async function expectKerasOutput(model: KerasModel): Promise<void> {
  const graph = graphOf(model);
  expect(verify(graph)).toEqual([]);
  const session = await (await loadRuntime()).createSession(encodeModel(graph));
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name }, index) => [name, runtimeTensor(model.inputs[index] as Numbers)]),
  );
  const result = (await session.run(feeds))[graph.outputs[0]?.name ?? ""];
  await session.release();
  expect(result?.data.length).toBe(model.output.length);
  const scale = Math.max(...model.output.map(Math.abs));
  const differences = model.output.map((value, i) => Math.abs(value - Number(result?.data[i])));
  expect(Math.max(...differences) / scale).toBeLessThan(TOLERANCE);
}

function runtimeTensor({ shape, values, type }: Numbers): RuntimeTensor {
  return type === "bool"
    ? { type: "bool", dims: shape, data: Uint8Array.from(values) }
    : { type: "float32", dims: shape, data: Float32Array.from(values) };
}
