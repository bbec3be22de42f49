import { join } from "node:path";
import { expect, test } from "vitest";
import { withComputedConstants } from "../../../../../src/engine/constant-nodes.ts";
import { knownShapes } from "../../../../../src/engine/known-shapes.ts";
import { layersModel } from "../../../../../src/formats/layers/from-graph/layers-model.ts";
import { parseModelConfig } from "../../../../../src/formats/layers/model-config.ts";
import { readLayers } from "../../../../../src/formats/layers/read-layers.ts";
import { NamedWeights } from "../../../../../src/formats/layers/weight-store.ts";
import { readModel } from "../../../../../src/formats/registry.ts";
import { loadRuntime } from "../../../../../src/runtime/onnx-runtime.ts";
import { randomInput, relativeDifference, runGraph } from "../../tfjs/tfjs-models.ts";

/** Some hundred float32 products a number; a normalization over the wrong axes differs by about 1. */
const TOLERANCE = 1e-5;

const EXPORTS = ["legacy13", "legacy17", "dynamo18"];

async function exported(name: string) {
  const graph = await readModel(join("test/fixtures/onnx", `normalizations-${name}.onnx`));
  const computed = await withComputedConstants(graph, await loadRuntime());
  return { graph, computed, shapes: knownShapes(computed) };
}

test.each(EXPORTS)(
  "normalizations as PyTorch writes them (%s) become layers of Keras",
  async (name) => {
    const { graph, computed, shapes } = await exported(name);
    const { config, layers, weights } = layersModel(computed, shapes, "keras3");
    const normalizations = layers.flatMap(({ className, config: { groups } }) =>
      className.endsWith("Normalization") ? [`${className} ${groups ?? ""}`.trim()] : [],
    );
    expect(normalizations).toEqual([
      "GroupNormalization 4",
      "GroupNormalization 8",
      "GroupNormalization 2",
      "LayerNormalization",
      "LayerNormalization",
    ]);
    const tensors = weights.map(({ path, name: weight, tensor }) => ({
      ...tensor,
      name: [...path, weight].join("/"),
    }));
    const model = parseModelConfig(JSON.parse(JSON.stringify(config)));
    const again = readLayers(model, new NamedWeights(tensors), "keras3").graph;
    const inputs = [randomInput([2, 3, 6, 5])];
    const expected = await runGraph(graph, inputs);
    expect(relativeDifference(await runGraph(again, inputs), expected)).toBeLessThan(TOLERANCE);
  },
);

test.each(EXPORTS)("what TensorFlow.js has no layer for in %s is named", async (name) => {
  const { computed, shapes } = await exported(name);
  expect(() => layersModel(computed, shapes, "tfjs")).toThrow(
    /\(GroupNormalization\): TensorFlow\.js has no normalization of groups or instances/,
  );
});
