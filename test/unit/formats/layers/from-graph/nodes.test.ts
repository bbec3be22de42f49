import { join } from "node:path";
import { expect, test } from "vitest";
import { knownShapes } from "../../../../../src/engine/known-shapes.ts";
import { layersModel } from "../../../../../src/formats/layers/from-graph/layers-model.ts";
import { parseModelConfig } from "../../../../../src/formats/layers/model-config.ts";
import { readLayers } from "../../../../../src/formats/layers/read-layers.ts";
import { NamedWeights } from "../../../../../src/formats/layers/weight-store.ts";
import { newTfjsModel } from "../../../../../src/formats/tfjs/new-model.ts";
import { verify } from "../../../../../src/graph/verify.ts";
import {
  load,
  randomInput,
  relativeDifference,
  runGraph,
  runLayers,
  scratchFolder,
} from "../../tfjs/tfjs-models.ts";
import { nodeCases } from "./node-cases.ts";

/**
 * Float32 sums of at most a few hundred products in another order differ by less than this, relative
 * to the largest output; a wrong axis, pad or permutation differs by about 1.
 */
const TOLERANCE = 1e-5;

test.each(nodeCases())("$name as layers of TensorFlow.js", async ({ graph, input }) => {
  expect(verify(graph)).toEqual([]);
  const inputs = [randomInput(input)];
  const expected = await runGraph(graph, inputs);
  expect(Math.max(...(expected[0] ?? []).map(Math.abs))).toBeGreaterThan(1e-3);
  const shapes = knownShapes(graph);
  const made = newTfjsModel(layersModel(graph, shapes, "tfjs"), "a test");
  const file = join(await scratchFolder(), "model.json");
  await made.save(file, {});
  const model = await load(file);
  expect(model.outputs[0]?.shape.length).toBe(shapes.shape(graph.outputs[0]?.name ?? "")?.length);
  expect(relativeDifference(runLayers(model, inputs), expected)).toBeLessThan(TOLERANCE);
  const again = await made.read();
  expect(verify(again)).toEqual([]);
  expect(relativeDifference(await runGraph(again, inputs), expected)).toBeLessThan(TOLERANCE);
});

test.each(nodeCases())("$name in the form of Keras 3", async ({ graph, input }) => {
  const { config, weights } = layersModel(graph, knownShapes(graph), "keras3");
  const tensors = weights.map(({ path, name, tensor }) => ({
    ...tensor,
    name: [...path, name].join("/"),
  }));
  const text = JSON.stringify(config);
  const model = parseModelConfig(JSON.parse(text));
  const again = readLayers(model, new NamedWeights(tensors), "keras3").graph;
  const inputs = [randomInput(input)];
  const expected = await runGraph(graph, inputs);
  expect(relativeDifference(await runGraph(again, inputs), expected)).toBeLessThan(TOLERANCE);
});
