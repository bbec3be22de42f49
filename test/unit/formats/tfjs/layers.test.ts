import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { readTfjs } from "../../../../src/formats/tfjs/read.ts";
import { verify } from "../../../../src/graph/verify.ts";
import { layerCases } from "./layer-cases.ts";
import {
  randomInput,
  relativeDifference,
  runGraph,
  runLayers,
  save,
  scramble,
} from "./tfjs-models.ts";

/**
 * Float32 sums of at most a few hundred products in another order differ by less than this, relative
 * to the largest output; a wrong axis, pad or permutation differs by about 1.
 */
const TOLERANCE = 1e-5;

test.each(layerCases())("$name computes what TensorFlow.js computes", async ({ build, input }) => {
  const model = build();
  scramble(model);
  const file = await save(model);
  const graph = await readTfjs(await readFile(file), file);
  expect(verify(graph)).toEqual([]);
  const inputs = [randomInput(input)];
  const expected = runLayers(model, inputs);
  expect(Math.max(...expected.map((values) => Math.max(...values.map(Math.abs))))).toBeGreaterThan(
    1e-3,
  );
  expect(relativeDifference(await runGraph(graph, inputs), expected)).toBeLessThan(TOLERANCE);
});
