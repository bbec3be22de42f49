import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { certify } from "../../../../src/engine/certificate/certificate.ts";
import { keptLayer } from "../../../../src/findings/kept-layer.ts";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { opaqueNodes, requireComputed } from "../../../../src/graph/opaque-node.ts";
import { verify } from "../../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";
import {
  layers,
  load,
  randomInput,
  relativeDifference,
  runLayers,
  save,
  scramble,
  scratchFolder,
  tf,
} from "./tfjs-models.ts";

/** A layer of a user's own, with a weight: x·|w| + x². */
class Bend extends layers.layers.Layer {
  static readonly className = "Bend";
  weight: layers.LayerVariable | undefined;

  override build(shape: (number | null)[]): void {
    this.weight = this.addWeight(
      "strength",
      [shape.at(-1) as number],
      "float32",
      layers.initializers.ones(),
    );
    super.build(shape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = Array.isArray(inputs) ? inputs : [inputs];
    const strength = (this.weight as layers.LayerVariable).read();
    return tf.add(tf.mul(x as tf.Tensor, tf.abs(strength)), tf.square(x as tf.Tensor));
  }
}

beforeAll(() => {
  tf.serialization.registerClass(Bend);
});

function network(): layers.LayersModel {
  const { conv2d, batchNormalization, flatten, dense } = layers.layers;
  const model = layers.sequential({ name: "bent" });
  model.add(conv2d({ filters: 4, kernelSize: 3, inputShape: [6, 6, 2], name: "conv" }));
  model.add(batchNormalization({ name: "norm" }));
  model.add(new Bend({ name: "bend" }));
  model.add(flatten({ name: "flat" }));
  model.add(dense({ units: 3, name: "scores" }));
  return model;
}

test("a class that nobody knows is kept, and what stands before it folds in its own format", async () => {
  const model = network();
  scramble(model);
  const file = await save(model);
  const graph = await readModel(file);
  expect(verify(graph)).toEqual([]);
  const kept = opaqueNodes(graph).map(({ node, reason }) => [node.name, node.opType, reason]);
  expect(kept).toEqual([
    ["bend", "Bend", "NormLens does not know the class Bend"],
    ["flat", "Flatten", expect.stringContaining("because layer bend is not computed")],
    ["scores", "Dense", expect.stringContaining("because layer flat is not computed")],
  ]);
  expect(keptLayer.find(graph).map(({ node }) => node)).toEqual(["bend", "flat", "scores"]);

  const { graph: folded, applied, siteOutputs } = foldBatchNorm.apply(graph, undefined, {});
  expect(applied.map(({ node }) => node)).toEqual(["norm"]);
  const target = join(await scratchFolder(), "model.json");
  await saveModel(folded, target);
  const again = await load(target);
  expect(again.layers.map(({ name }) => name)).not.toContain("norm");
  const inputs = [randomInput([2, 6, 6, 2])];
  expect(relativeDifference(runLayers(again, inputs), runLayers(model, inputs))).toBeLessThan(1e-5);

  const runtime = await loadRuntime();
  const certificate = await certify({ before: graph, after: folded, siteOutputs, runtime });
  expect(certificate).toMatchObject({ pass: true });
  expect(certificate.sentence).toMatch(/piece by piece.*layer bend.* is kept but not computed/);
});

test("without a change its bytes stay, and running is refused with the layer's name", async () => {
  const file = await save(network());
  const graph = await readModel(file);
  const copy = join(await scratchFolder(), "copy.json");
  await saveModel(graph, copy);
  expect(await readFile(copy, "utf8")).toBe(await readFile(file, "utf8"));
  expect(() => requireComputed(graph)).toThrow(
    "layer bend (and 2 more) is kept but not computed: NormLens does not know the class Bend",
  );
  const onnx = join(await scratchFolder(), "kept.onnx");
  await saveModel(graph, onnx);
  expect(opaqueNodes(await readModel(onnx)).length).toBe(3);
});
