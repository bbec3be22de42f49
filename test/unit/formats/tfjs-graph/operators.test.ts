import { expect, test } from "vitest";
import { readModel } from "../../../../src/formats/registry.ts";
import { verify } from "../../../../src/graph/verify.ts";
import { inferShapes } from "../../../../src/operators/infer-shapes.ts";
import { randomInput, relativeDifference, runGraph } from "../tfjs/tfjs-models.ts";
import { furtherOperatorCases } from "./further-operator-cases.ts";
import { GraphFile, runInTensorFlow } from "./graph-file.ts";
import { operatorCases } from "./operator-cases.ts";

/**
 * Float32 sums of at most a few hundred products in another order differ by less than this, relative
 * to the largest output; a wrong axis, pad or permutation differs by about 1.
 */
const TOLERANCE = 1e-5;

test.each([...operatorCases, ...furtherOperatorCases])(
  "$name computes what TensorFlow.js computes",
  async ({ input, build }) => {
    const file = new GraphFile();
    const outputs = build(file, file.input("x", [-1, ...input.slice(1)]));
    const path = await file.save(outputs);
    const graph = await readModel(path);
    expect(verify(graph)).toEqual([]);
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect(graph.nodes.filter(({ domain }) => domain !== "")).toEqual([]);
    const x = randomInput(input);
    const expected = await runInTensorFlow(path, { x }, outputs);
    expect(
      Math.max(...expected.map((values) => Math.max(...values.map(Math.abs)))),
    ).toBeGreaterThan(1e-3);
    expect(relativeDifference(await runGraph(graph, [x]), expected)).toBeLessThan(TOLERANCE);
    // The shapes that the reader states are those that follow from the nodes.
    const types = inferShapes(graph);
    for (const { name } of graph.outputs) expect(types.get(name)?.shape).toBeDefined();
  },
);
