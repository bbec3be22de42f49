import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { layerRules } from "../../../../src/engine/layer-rules.ts";
import { kerasSource } from "../../../../src/formats/keras/source.ts";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { withWeightRules } from "../../../../src/graph/weight-rules.ts";
import { projectMaxNorm } from "../../../../src/passes/project-max-norm.ts";
import { fileOf, fixture } from "../keras/keras-files.ts";
import { layers, load, save, scramble, scratchFolder, tf } from "./tfjs-models.ts";

const { layers: make, constraints } = layers;

const LIMIT = 0.75;

/** Float32 rounds the norm and the quotient; a norm over other axes errs by more than 0.1. */
const TOLERANCE = 1e-6;

/** Every layer whose weight has output units, and a constraint of another kind. */
function model(): layers.LayersModel {
  return layers.sequential({
    name: "constrained",
    layers: [
      make.separableConv2d({
        filters: 3,
        kernelSize: 3,
        name: "both",
        inputShape: [8, 8, 2],
      }),
      make.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, name: "depth" }),
      make.conv2dTranspose({ filters: 3, kernelSize: 2, strides: 2, name: "up" }),
      make.conv2d({ filters: 4, kernelSize: 3, name: "conv" }),
      make.flatten({ name: "flat" }),
      make.dense({ units: 5, name: "dense" }),
      make.dense({ units: 3, name: "held", kernelConstraint: constraints.nonNeg() }),
    ],
  });
}

async function constrained(): Promise<Graph> {
  const before = model();
  scramble(before);
  const graph = await readModel(await save(before));
  const options = { limit: LIMIT, constraint: true };
  const result = projectMaxNorm.apply(graph, undefined, options);
  expect(result.skipped).toEqual([
    {
      node: "held",
      reason: "Gemm held has another constraint for its weight already: not negative.",
    },
  ]);
  expect(result.statement).toMatch(/Each of the 6 layers has the limit as its constraint\.$/);
  return result.graph;
}

interface Constrained {
  readonly name: string;
  readonly kernelConstraint?: { apply(weight: tf.Tensor): tf.Tensor };
  readonly depthwiseConstraint?: { apply(weight: tf.Tensor): tf.Tensor };
  readonly pointwiseConstraint?: { apply(weight: tf.Tensor): tf.Tensor };
}

test("max-norm stands in a TF.js model as each layer's constraint, over the axes of a unit", async () => {
  const target = join(await scratchFolder(), "model.json");
  await saveModel(await constrained(), target);
  const found: string[] = [];
  for (const layer of (await load(target)).layers) {
    const own = layer as unknown as Constrained;
    for (const weight of layer.weights) {
      const rule = weight.originalName.includes("depthwise")
        ? own.depthwiseConstraint
        : weight.originalName.includes("pointwise")
          ? own.pointwiseConstraint
          : own.kernelConstraint;
      if (!/kernel/.test(weight.originalName) || own.name === "held") continue;
      found.push(weight.originalName);
      const numbers = weight.read();
      // The weights are within the limit, so that the constraint leaves them as they are.
      const kept = rule?.apply(numbers) as tf.Tensor;
      expect(tf.max(tf.abs(tf.sub(kept, numbers))).dataSync()[0]).toBeLessThan(TOLERANCE);
      // Brought far above it each unit comes back to the limit: (…, in, unit), or (…, unit, in) and (…, unit).
      const long = rule?.apply(tf.mul(numbers, 100)) as tf.Tensor;
      const { rank } = long;
      const axes = /depthwise/.test(weight.originalName)
        ? [0, 1]
        : own.name === "up"
          ? [0, 1, 3]
          : Array.from({ length: rank - 1 }, (_, axis) => axis);
      for (const norm of tf.sqrt(tf.sum(tf.square(long), axes)).dataSync()) {
        expect(Math.abs(norm - LIMIT)).toBeLessThan(TOLERANCE);
      }
    }
  }
  expect(found).toHaveLength(6);
});

test("the constraint is read again, told, and kept by ONNX", async () => {
  const graph = await constrained();
  const folder = await scratchFolder();
  for (const name of ["model.json", "model.onnx"]) {
    await saveModel(graph, join(folder, name));
    const told = layerRules(await readModel(join(folder, name))).map(({ node, rule }) => [
      node,
      rule,
    ]);
    expect(told).toEqual([
      ["both/depthwise", expect.stringMatching(/^norm at most 0\.75 over axes/)],
      ["both", "norm at most 0.75 over axes [1, 2, 3]"],
      ["depth", expect.stringMatching(/^norm at most 0\.75 over axes/)],
      ["up", "norm at most 0.75 over axes [0, 2, 3]"],
      ["conv", "norm at most 0.75 over axes [1, 2, 3]"],
      ["dense", "norm at most 0.75 over axes [0]"],
      ["held", "not negative"],
    ]);
  }
});

test("constraints and regularizers are written as Keras 3 writes its own", async () => {
  const graph = await readModel(await fileOf(fixture("chain.keras"), "chain.keras"));
  const limited = projectMaxNorm.apply(graph, ["dense_b"], { limit: 2, constraint: true }).graph;
  const nodes = limited.nodes.map((node) =>
    node.name === "conv_a" ? withWeightRules(node, 1, { regularizer: { l1: 0, l2: 0.01 } }) : node,
  );
  const target = join(await scratchFolder(), "chain.keras");
  await saveModel({ ...limited, nodes }, target);
  const again = kerasSource(await readModel(target));
  const field = (layer: string, name: string) =>
    again?.model.layers.find((each) => each.name === layer)?.fields.value(name);
  expect(field("dense_b", "kernel_constraint")).toEqual({
    module: "keras.constraints",
    class_name: "MaxNorm",
    config: { max_value: 2, axis: 0 },
    registered_name: null,
  });
  expect(field("dense_a", "kernel_constraint")).toBeNull();
  expect(field("conv_a", "kernel_regularizer")).toEqual({
    module: "keras.regularizers",
    class_name: "L1L2",
    config: { l1: 0, l2: 0.01 },
    registered_name: null,
  });
});

test("a constraint that a config has no class for is refused", async () => {
  const before = model();
  const graph = await readModel(await save(before));
  const constraint = { kind: "unit-norm", axes: [0], minimum: 0, maximum: 0, rate: 1 } as const;
  const nodes = graph.nodes.map((node) =>
    node.name === "dense" ? withWeightRules(node, 1, { constraint }) : node,
  );
  const target = join(await scratchFolder(), "model.json");
  await expect(saveModel({ ...graph, nodes }, target)).rejects.toThrow(
    "layer dense: its config cannot say the constraint that its kernel has now; write it as .onnx",
  );
  await expect(readFile(target)).rejects.toThrow(/ENOENT/);
});
