import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { seededRandom } from "../../../src/data/random.ts";
import { findings } from "../../../src/findings/registry.ts";
import type { Json, JsonObject } from "../../../src/formats/layers/json.ts";
import { parseModelConfig } from "../../../src/formats/layers/model-config.ts";
import { readLayers } from "../../../src/formats/layers/read-layers.ts";
import { NamedWeights } from "../../../src/formats/layers/weight-store.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { parseManifest } from "../../../src/formats/tfjs/manifest.ts";
import { readGraphModel } from "../../../src/formats/tfjs-graph/read.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { InputError } from "../../../src/graph/input-error.ts";
import { float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { distortedJson } from "../../support/distorted-json.ts";
import { GraphFile } from "../formats/tfjs-graph/graph-file.ts";
import { operatorCases } from "../formats/tfjs-graph/operator-cases.ts";

/** One file may take this long on a busy machine; a hang, or an allocation past all bounds, takes longer. */
const SLOWEST_MS = 2000;

const random = seededRandom(20_260_731);

/** A model's document, and how it is read with the weights that belong to it. */
interface Case {
  readonly name: string;
  readonly document: Json;
  read(document: Json): Graph;
}

interface Numbers {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

function layerCases(): Case[] {
  const file = new URL("../../oracles/keras-layers.json.gz", import.meta.url);
  const models: {
    readonly name: string;
    readonly config: Json;
    readonly weights: Readonly<Record<string, Numbers>>;
  }[] = JSON.parse(gunzipSync(readFileSync(file)).toString());
  return models.map(({ name, config, weights }) => {
    const tensors: Tensor[] = Object.entries(weights).map(([each, { shape, values }]) =>
      float32Tensor(each, shape, values),
    );
    const read = (document: Json) =>
      readLayers(parseModelConfig(document), new NamedWeights(tensors), "keras3").graph;
    return { name, document: config, read };
  });
}

function graphCases(): Case[] {
  return operatorCases.map(({ name, input, build }) => {
    const file = new GraphFile();
    const outputs = build(file, file.input("x", [-1, ...input.slice(1)]));
    const bytes = new Uint8Array(file.bytes());
    const document = JSON.parse(JSON.stringify(file.document(outputs))) as JsonObject;
    const [group] = parseManifest(document.weightsManifest);
    const groups = group === undefined ? [] : [{ group, shards: [], bytes }];
    const read = (changed: Json) =>
      readGraphModel({ text: new Uint8Array(), document: changed as JsonObject, groups });
    return { name, document, read };
  });
}

/** Works on distorted copies in turn. A refusal is fine; anything else that is thrown is listed. */
function survive(cases: readonly Case[], count: number) {
  const failures: string[] = [];
  let worked = 0;
  for (let turn = 0; turn < count; turn++) {
    const { name, document, read } = cases[turn % cases.length] as Case;
    const distorted = distortedJson(document, random);
    const start = performance.now();
    try {
      const graph = read(distorted);
      findings(graph);
      failures.push(...verify(graph).map((problem) => `${turn} ${name}: ${problem}`));
      encodeModel(foldBatchNorm.apply(graph, undefined, {}).graph);
      worked += 1;
    } catch (error) {
      const refused = error instanceof InputError && !/\n|undefined|\[object/.test(error.message);
      if (!refused) failures.push(`${turn} ${name}: ${trace(error)}`);
    }
    const elapsed = performance.now() - start;
    if (elapsed > SLOWEST_MS) failures.push(`${turn} ${name}: took ${elapsed} ms`);
  }
  return { worked, failures };
}

function trace(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.split("\n").slice(0, 4).join(" ");
}

test("configs of layers with one thing in them that nobody would write are read or refused", () => {
  const { worked, failures } = survive(layerCases(), 3000);
  expect(failures).toEqual([]);
  // What is always refused at once would show nothing about what comes after reading.
  expect(worked).toBeGreaterThan(750);
});

test("graphs of TensorFlow.js likewise", () => {
  const { worked, failures } = survive(graphCases(), 3000);
  expect(failures).toEqual([]);
  expect(worked).toBeGreaterThan(750);
});
