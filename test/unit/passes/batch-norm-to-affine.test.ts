import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readNumbers } from "../../../src/graph/numbers.ts";
import { float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { batchNormToAffine } from "../../../src/passes/batch-norm-to-affine.ts";

interface Parameters {
  readonly gamma: readonly number[];
  readonly beta: readonly number[];
  readonly mean: readonly number[];
  readonly variance: readonly number[];
}

const PLAIN: Parameters = { gamma: [2, 3], beta: [1, -1], mean: [4, 0], variance: [1, 4] };

/** x → BatchNorm bn → y, with epsilon 0 so that the numbers are round. */
function model(
  shape: readonly (number | string)[] | undefined,
  parameters = PLAIN,
  opset = 17,
): Graph {
  const builder = new GraphBuilder(["x", "y"]);
  const names = Object.entries(parameters).map(([name, values]) =>
    builder.addInitializer(float32Tensor(name, [2], values)),
  );
  const isTest = opset < 7 ? { is_test: { int: 1 } } : {};
  const attributes = { epsilon: { float: 0 }, ...isTest };
  // An operator of another domain between input and BatchNorm hides the shape.
  const hidden = shape === undefined;
  if (hidden) builder.nodes.push(makeNode("Hide", ["x"], ["h"], { domain: "test" }));
  builder.nodes.push(
    makeNode("BatchNormalization", [hidden ? "h" : "x", ...names], ["y"], {
      name: "bn",
      attributes,
    }),
  );
  const info = (name: string) => makeValueInfo(name, DataType.FLOAT, shape ?? ["n"]);
  return builder.build("m", [info("x")], hidden ? [] : [info("y")], opset);
}

const constants = (graph: Graph) =>
  Object.fromEntries(
    [...graph.initializers.values()].map((tensor: Tensor) => [
      tensor.name,
      { dims: tensor.dims, values: readNumbers(tensor) },
    ]),
  );

describe("batch-norm-to-affine", () => {
  test.each([
    [["n", 2], [2]],
    [
      ["n", 2, 5],
      [2, 1],
    ],
    [
      ["n", 2, 5, 5],
      [2, 1, 1],
    ],
    [
      ["n", 2, 5, 5, 5],
      [2, 1, 1, 1],
    ],
  ])("the constants of an input of shape %o have shape %o", (shape, dims) => {
    const graph = model(shape);
    const {
      graph: rewritten,
      applied,
      siteOutputs,
    } = batchNormToAffine.apply(graph, undefined, {});
    expect(applied).toEqual([{ node: "bn", into: "bn" }]);
    expect(siteOutputs).toEqual([{ site: "bn", before: "y", after: "y" }]);
    expect(rewritten.nodes.map((node) => [node.opType, node.name])).toEqual([
      ["Mul", "bn_scaled"],
      ["Add", "bn"],
    ]);
    expect(constants(rewritten)).toEqual({
      bn_scale: { dims, values: [2, 1.5] },
      bn_shift: { dims, values: [-7, -1] },
    });
    expect(batchNormToAffine.find(rewritten, {})).toEqual([]);
  });

  test("a Mul by one and an Add of zero are left out", () => {
    const ones = { gamma: [1, 2], beta: [1, -1], mean: [0, 0], variance: [1, 4] };
    const add = batchNormToAffine.apply(model(["n", 2], ones), undefined, {}).graph;
    expect(add.nodes.map((node) => node.opType)).toEqual(["Add"]);
    const zeros = { gamma: [2, 2], beta: [2, 4], mean: [1, 4], variance: [1, 4] };
    const mul = batchNormToAffine.apply(model(["n", 2], zeros), undefined, {}).graph;
    expect(mul.nodes.map((node) => node.opType)).toEqual(["Mul"]);
    const neutral = { gamma: [1, 2], beta: [0, 0], mean: [0, 0], variance: [1, 4] };
    const same = batchNormToAffine.apply(model(["n", 2], neutral), undefined, {}).graph;
    expect(same.nodes.map((node) => [node.opType, node.output])).toEqual([["Identity", ["y"]]]);
    expect(same.initializers.size).toBe(0);
  });

  test("before opset 7 the axis is said instead of broadcasting from the right", () => {
    const { graph } = batchNormToAffine.apply(model(["n", 2, 5, 5], PLAIN, 6), undefined, {});
    for (const node of graph.nodes) {
      expect(node.attribute.map(({ name, i }) => [name, i])).toEqual([
        ["broadcast", 1n],
        ["axis", 1n],
      ]);
    }
    expect(constants(graph).bn_scale?.dims).toEqual([2]);
  });

  test("an unknown number of dimensions is the reason to leave it", () => {
    const [site] = batchNormToAffine.find(model(undefined), {});
    expect(site).toMatchObject({
      applicable: false,
      reason: "The number of dimensions of h, the input of bn, is not known.",
    });
  });

  test("the per-position form of opset 7 keeps its constants' shape", async () => {
    const url = new URL("../../fixtures/onnx/opset7-spatial-0.onnx", import.meta.url);
    const graph = await readModel(url.pathname);
    const { graph: rewritten } = batchNormToAffine.apply(graph, undefined, {});
    expect(verify(rewritten)).toEqual([]);
    expect(rewritten.initializers.get("bn_scale")?.dims).toEqual([4, 3, 3]);
  });
});
