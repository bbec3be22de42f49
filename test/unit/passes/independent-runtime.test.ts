import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "../../../src/data/random.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { readModel, saveModel } from "../../../src/formats/registry.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { elementCount } from "../../../src/graph/tensor.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { runInOnnxJs, type Samples } from "../../support/onnxjs.ts";
import { inOperatorSet9 } from "../../support/operator-set-9.ts";
import { FIXTURES, REPOSITORY, SAMPLES, temporaryFolder } from "../../support/repository.ts";
import { fileOf, fixture } from "../formats/keras/keras-files.ts";
import { networks } from "../formats/tfjs/networks.ts";
import { save, scramble } from "../formats/tfjs/tfjs-models.ts";

/**
 * onnxjs shares no code with ONNX Runtime, so a fold or a conversion that both agree on is not one runtime's
 * quirk. It knows few and old operators: hence the choice of models.
 */
const LAYERS = readdirSync(FIXTURES)
  .filter((file) =>
    /^(conv2d|grouped-conv|depthwise-conv|strided-dilated-conv)-bn.*\.onnx$/.test(file),
  )
  .map((file) => join(FIXTURES, file));

const ARCHITECTURES = join(REPOSITORY, "test/fixtures/architectures");
const NETWORKS = [
  join(SAMPLES, "digits-cnn.onnx"),
  join(SAMPLES, "narrow-resnet.onnx"),
  join(SAMPLES, "narrow-mobilenetv2.onnx"),
  join(ARCHITECTURES, "efficientnet.onnx"),
];

/** Float32 sums of at most some thousand products, rounded in another order in each of up to 52 layers. */
const TOLERANCE = 1e-5;

function samplesFor(graph: Graph): Samples[] {
  const random = seededRandom(9);
  return graph.inputs.map(({ type }) => {
    const tensor = type?.value.case === "tensorType" ? type.value.value : undefined;
    const dims = (tensor?.shape?.dim ?? []).map(({ value }) =>
      value.case === "dimValue" ? Number(value.value) : 1,
    );
    return { dims, data: Float32Array.from({ length: elementCount(dims) }, random.normal) };
  });
}

/** What ONNX Runtime computes, by the outputs' names. */
async function runInOnnxRuntime(graph: Graph, samples: readonly Samples[]) {
  const runtime = await loadRuntime();
  const session = await runtime.createSession(encodeModel(graph), { optimization: "disabled" });
  const inputs = graph.inputs.map(({ name }, index) => {
    const { dims, data } = samples[index] as Samples;
    return [name, { type: "float32", dims, data }] as const;
  });
  const results = await session.run(Object.fromEntries(inputs));
  await session.release();
  return new Map(graph.outputs.map(({ name }) => [name, results[name]?.data as Float32Array]));
}

/**
 * Compares the first sample of the batch: onnxjs' convolution begins anew with each image of a batch, so that it
 * computes the first alone.
 */
function expectEqual(
  found: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
  batch: number,
): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, all] of expected) {
    const others = found.get(name) ?? new Float32Array();
    expect(others.length).toBe(all.length);
    const values = all.subarray(0, all.length / batch);
    const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    expect(scale).toBeGreaterThan(0);
    const differences = values.map((value, index) => Math.abs(value - (others[index] as number)));
    const largest = differences.reduce((most, each) => (each <= most ? most : each), 0);
    expect(largest / scale, name).toBeLessThan(TOLERANCE);
  }
}

test.each([...LAYERS, ...NETWORKS])(
  "%s, as it is and folded, computes in onnxjs what ONNX Runtime computes",
  async (file) => {
    const graph = await readModel(file);
    const folded = foldBatchNorm.apply(graph, undefined, {}).graph;
    expect(folded.nodes.length).toBeLessThan(graph.nodes.length);
    const samples = samplesFor(graph);
    const expected = await runInOnnxRuntime(graph, samples);
    const batch = samples[0]?.dims[0] ?? 1;
    for (const each of [graph, folded]) {
      expectEqual(await runInOnnxJs(encodeModel(inOperatorSet9(each)), samples), expected, batch);
    }
  },
);

/** Models of layers; their BatchNorms of two axes onnxjs has none for, so that they run folded only. */
async function layersModels(): Promise<Readonly<Record<string, string>>> {
  const network = networks().find(({ name }) => name === "a Sequential CNN");
  const model = network?.build();
  if (model === undefined) throw new Error("no such network");
  scramble(model);
  return {
    "model.json of TensorFlow.js": await save(model),
    "ResNet of Keras, .h5": await fileOf(fixture("resnet.h5"), "resnet.h5"),
    "MobileNet of Keras, .keras": await fileOf(fixture("mobilenet.keras"), "mobilenet.keras"),
  };
}

test("models of layers, folded and converted to .onnx, compute the same in onnxjs", async () => {
  for (const file of Object.values(await layersModels())) {
    const graph = await readModel(file);
    const samples = samplesFor(graph);
    const expected = await runInOnnxRuntime(graph, samples);
    const target = join(await temporaryFolder(), "folded.onnx");
    await saveModel(foldBatchNorm.apply(graph, undefined, {}).graph, target);
    const folded = await readModel(target);
    expect(folded.source.format).toBe("onnx");
    expectEqual(await runInOnnxJs(encodeModel(inOperatorSet9(folded)), samples), expected, 1);
  }
});
