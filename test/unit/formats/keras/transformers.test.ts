import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { opaqueNodes } from "../../../../src/graph/opaque-node.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";
import { verify } from "../../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";
import { modelGradients } from "../../../../src/training/model-gradients.ts";
import { relativeError } from "../../operators/step-harness.ts";
import { errorAgainstKeras, fileOf, fixture, type Golden, scratchFolder } from "./keras-files.ts";

/** What Keras computes, and for each weight the norm of its gradient and a sum with fixed factors. */
interface TransformerGolden extends Golden {
  readonly gradients: Readonly<Record<string, readonly [norm: number, sum: number]>>;
}

const oracles = new URL("../../../oracles/keras-transformers.json.gz", import.meta.url);
const goldens: Readonly<Record<string, TransformerGolden>> = JSON.parse(
  gunzipSync(await readFile(oracles)).toString(),
);

const FILES = ["transformer.keras", "transformer.h5", "vit.keras", "vit.h5"];

/** Some tens of float32 sums one behind the other; a lost bias or a swapped axis errs by about 1. */
const TOLERANCE = 1e-5;

/** A gradient is a difference of sums: it loses some digits more than the output. */
const GRADIENT_TOLERANCE = 1e-4;

async function read(file: string) {
  return readModel(await fileOf(fixture(file), file));
}

function goldenOf(file: string): TransformerGolden {
  return goldens[file.split(".")[0] ?? ""] as TransformerGolden;
}

test.each(FILES)("%s computes what Keras computes, and is written byte for byte", async (file) => {
  const graph = await read(file);
  expect(verify(graph)).toEqual([]);
  expect(opaqueNodes(graph)).toEqual([]);
  expect(await errorAgainstKeras(graph, goldenOf(file))).toBeLessThan(TOLERANCE);
  const target = join(await scratchFolder(), file);
  await saveModel(graph, target);
  expect(Buffer.compare(await readFile(target), fixture(file))).toBe(0);
});

test.each(FILES)("%s is folded in its own format", async (file) => {
  const { graph, applied } = foldBatchNorm.apply(await read(file), undefined, {});
  expect(applied.length).toBe(1);
  const target = join(await scratchFolder(), file);
  await saveModel(graph, target);
  const again = await readModel(target);
  expect(again.nodes.some(({ opType }) => opType === "BatchNormalization")).toBe(false);
  expect(await errorAgainstKeras(again, goldenOf(file))).toBeLessThan(TOLERANCE);
});

test.each(FILES)("new weights of attention are written into %s", async (file) => {
  const graph = await read(file);
  const changed = [...graph.initializers].filter(([name]) =>
    /^attention_1\/.*(kernel|bias)$/.test(name),
  );
  expect(changed.length).toBe(8);
  const initializers = new Map(graph.initializers);
  for (const [name, { dims }] of changed) {
    const count = dims.reduce((all, size) => all * size, 1);
    const values = Float32Array.from({ length: count }, (_, index) => Math.sin(index));
    initializers.set(name, float32Tensor(name, dims, values));
  }
  const target = join(await scratchFolder(), file);
  await saveModel({ ...graph, initializers }, target);
  const again = await readModel(target);
  for (const [name, tensor] of initializers) {
    expect(again.initializers.get(name)?.data.read()).toEqual(tensor.data.read());
  }
});

test.each(["transformer.keras", "vit.keras"])("%s has Keras' gradients", async (file) => {
  const graph = await read(file);
  const { shape, inputs, gradients } = goldenOf(file);
  const [count = 0, ...sampleShape] = shape;
  const dataset = {
    name: "golden",
    count,
    sampleShape,
    features: Float32Array.from(inputs, (value) => value / 32),
    targets: { kind: "classes", labels: Int32Array.of(0, 1), classNames: ["a", "b"] },
  } as const;
  const runtime = await loadRuntime();
  const options = { loss: "cross-entropy", mode: "inference", threads: 1 } as const;
  const found = await modelGradients({ graph, dataset, runtime, ...options });
  expect(found.gradients.map(({ name }) => name).toSorted()).toEqual(
    Object.keys(gradients).toSorted(),
  );
  for (const { name, values } of found.gradients) {
    const [norm, sum] = gradients[name] as readonly [number, number];
    const own = values.reduce((total, value, index) => total + value * Math.sin(index + 1), 0);
    // A kernel of a convolution lies in another order here.
    const [numbers, expected] =
      name === "patches/kernel"
        ? [[Math.hypot(...values)], [norm]]
        : [
            [Math.hypot(...values), own],
            [norm, sum],
          ];
    // A bias of keys adds the same to all scores of a query, which softmax takes out again.
    if (norm < 1e-6) expect(numbers[0], name).toBeLessThan(1e-6);
    else expect(relativeError(numbers, expected), name).toBeLessThan(GRADIENT_TOLERANCE);
  }
});
