import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { nodeRole } from "../../../src/graph/node-role.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { insertVariationalDropout } from "../../../src/passes/insert-variational-dropout.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { pruneVariationalDropout } from "../../../src/passes/prune-variational-dropout.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { modelOf, named, twoLayers, weights } from "./dropout-models.ts";
import { differenceInRuntime } from "./equivalence.ts";

type Given = Record<string, string | number>;

const insert = (graph: Graph, given: Given = {}) =>
  insertVariationalDropout.apply(graph, undefined, checkedOptions(insertVariationalDropout, given));
const prune = (graph: Graph, given: Given = {}) =>
  pruneVariationalDropout.apply(graph, undefined, checkedOptions(pruneVariationalDropout, given));
const numbersOf = (graph: Graph, name: string) =>
  readFloat64(graph.initializers.get(name) as Tensor);
const hidden = named("Sigmoid", "hidden", ["h"], ["a"]);
const dense = () => twoLayers([hidden], "a");

/** The graph as if training had found these strengths. */
function learned(graph: Graph, name: string, values: readonly number[]): Graph {
  const { dims } = graph.initializers.get(name) as Tensor;
  return {
    ...graph,
    initializers: new Map([...graph.initializers, [name, float32Tensor(name, dims, values)]]),
  };
}

function withZeros(graph: Graph, name: string, zeroed: (position: number) => boolean): Graph {
  const values = numbersOf(graph, name).map((value, at) => (zeroed(at) ? 0 : value));
  return learned(graph, name, [...values]);
}

/** Two convolutions, pooled and flattened into a dense layer. */
function convolutional(): Graph {
  return modelOf(
    [
      named("Conv", "conv1", ["x", "w1"], ["c1"]),
      named("Relu", "relu1", ["c1"], ["a1"]),
      named("Conv", "conv2", ["a1", "w2"], ["c2"]),
      named("Relu", "relu2", ["c2"], ["a2"]),
      named("MaxPool", "pool", ["a2"], ["p"], { attributes: { kernel_shape: { ints: [2, 2] } } }),
      named("Flatten", "flatten", ["p"], ["f"]),
      named("MatMul", "fc", ["f", "w3"], ["y"]),
    ],
    {
      inputs: { x: [2, 1, 5, 5] },
      outputs: { y: [2, 3] },
      tensors: [
        weights("w1", [3, 1, 2, 2]),
        weights("w2", [4, 3, 2, 2], 2),
        weights("w3", [16, 3], 3),
      ],
    },
  );
}

/** Also with every rewrite that the runtime makes, as people run it. */
async function loads(graph: Graph): Promise<boolean> {
  const session = await (await loadRuntime()).createSession(encodeModel(graph));
  await session.release();
  return true;
}

describe("insert-variational-dropout", () => {
  test("one strength for each unit, and the same function", async () => {
    const graph = convolutional();
    const { graph: changed, applied, siteOutputs } = insert(graph, { logAlpha: -2 });
    expect(applied.map(({ node }) => node)).toEqual(["relu1", "relu2"]);
    expect(siteOutputs.map(({ before }) => before)).toEqual(["a1", "a2"]);
    expect(changed.initializers.get("relu1_log_alpha")?.dims).toEqual([3, 1, 1]);
    expect(changed.initializers.get("relu2_log_alpha")?.dims).toEqual([4, 1, 1]);
    expect(numbersOf(changed, "relu1_log_alpha")).toEqual(new Float64Array(3).fill(-2));
    expect(verify(changed)).toEqual([]);
    expect(await differenceInRuntime(graph, changed)).toBe(0);
    const features = insert(dense()).graph.initializers.get("hidden_log_alpha");
    expect(features?.dims).toEqual([5]);
  });

  test("one strength for each weight, and the same function", async () => {
    const graph = convolutional();
    const { graph: changed, applied } = insert(graph, { grain: "weight" });
    expect(applied.map(({ node }) => node)).toEqual(["conv1", "conv2", "fc"]);
    for (const [layer, weight] of [
      ["conv1", "w1"],
      ["conv2", "w2"],
      ["fc", "w3"],
    ]) {
      const dims = graph.initializers.get(weight ?? "")?.dims;
      expect(changed.initializers.get(`${layer}_log_alpha`)?.dims).toEqual(dims);
    }
    expect(verify(changed)).toEqual([]);
    expect(await differenceInRuntime(graph, changed)).toBe(0);
  });

  test.each([12, 18, 20])("operator set %i runs", async (opset) => {
    for (const grain of ["unit", "weight"]) {
      const graph = twoLayers([hidden], "a", opset);
      const { graph: changed } = insert(graph, { grain });
      expect(await differenceInRuntime(graph, changed)).toBe(0);
      expect(await loads(changed)).toBe(true);
    }
  });

  test("training learns log α beside the weights, which keep their roles", () => {
    for (const grain of ["unit", "weight"]) {
      const roles = trainableParameters(insert(dense(), { grain }).graph).map(
        ({ name, role }) => `${role} ${name}`,
      );
      const noise = roles.filter((role) => role.startsWith("noise"));
      expect(noise.length).toBe(grain === "unit" ? 1 : 2);
      expect(roles.filter((role) => !role.startsWith("noise")).sort()).toEqual([
        "bias b1",
        "bias b2",
        "weight w1",
        "weight w2",
      ]);
    }
  });

  test("what is in the way is said", () => {
    const reason = (graph: Graph, given: Given = {}) => insert(graph, given).skipped[0]?.reason;
    expect(reason(twoLayers([hidden], "a", 11))).toBe(
      "The model's operator set is 11; a Dropout has a computed ratio from 12 on.",
    );
    expect(reason(insert(dense()).graph)).toBe(
      "Dropout hidden_variational_dropout follows Sigmoid hidden already.",
    );
    expect(reason(insert(dense(), { grain: "weight" }).graph, { grain: "weight" })).toBe(
      "Where fc1_variational_dropout stands on the weight of Gemm fc1 already.",
    );
    const shared = twoLayers([hidden, named("MatMul", "more", ["x", "w1"], ["unread"])], "a");
    expect(reason(shared, { grain: "weight" })).toBe(
      "MatMul more reads the weight w1 of Gemm fc1 too.",
    );
    const computed = twoLayers([hidden, named("MatMul", "self", ["a", "h"], ["s"])], "a");
    const skipped = insert(computed, { grain: "weight" }).skipped;
    expect(skipped[0]?.reason).toBe("The weight of MatMul self (h) is not stored as it is read.");
    expect(() => insert(dense(), { logAlpha: 9 })).toThrow("option logAlpha is 9");
  });
});

describe("prune-variational-dropout", () => {
  test.each([
    ["unit", dense()],
    ["unit", convolutional()],
    ["weight", dense()],
    ["weight", convolutional()],
  ])("%s: what is below the threshold leaves no trace", (grain, graph) => {
    const { graph: back, statement } = prune(insert(graph, { grain }).graph);
    expect(encodeModel(back)).toEqual(encodeModel(graph));
    expect(statement).toContain(`0 of `);
  });

  test("units are zeroed in the weights of the layer that reads them", async () => {
    const noisy = learned(insert(dense()).graph, "hidden_log_alpha", [3.5, -1, 2.9, 8, 0]);
    const { graph: pruned, statement, tables } = prune(noisy);
    expect(statement).toBe(
      "2 of 5 units have log α above 3 and are set to zero; the noise is removed.",
    );
    expect(tables?.[0]?.rows).toEqual([["hidden_variational_dropout", "units", 5, 2, 3, 0.4]]);
    const expected = withZeros(dense(), "w2", (at) => [0, 3].includes(Math.floor(at / 3)));
    expect(pruned.nodes.map(({ opType }) => opType)).toEqual(["Gemm", "Sigmoid", "Gemm"]);
    expect(verify(pruned)).toEqual([]);
    expect(await differenceInRuntime(expected, pruned)).toBeLessThanOrEqual(1);
    expect(await differenceInRuntime(dense(), pruned)).toBeGreaterThan(1);
  });

  test("units that a pooling reads first are zeroed by a product", async () => {
    const noisy = learned(insert(convolutional()).graph, "relu2_log_alpha", [5, 5, 0, 0]);
    const pruned = prune(noisy).graph;
    expect(pruned.nodes.filter(({ opType }) => opType === "Mul").length).toBe(1);
    expect(pruned.nodes.some((node) => nodeRole(node) !== undefined)).toBe(false);
    const expected = withZeros(convolutional(), "w2", (at) => at < 2 * 12);
    expect(verify(pruned)).toEqual([]);
    expect(await differenceInRuntime(expected, pruned)).toBeLessThanOrEqual(1);
  });

  test("weights are zeroed where they are stored, the others keep their bits", () => {
    const strengths = Array.from({ length: 15 }, (_, at) => (at % 4 === 0 ? 3.01 : 3));
    const noisy = learned(insert(dense(), { grain: "weight" }).graph, "fc2_log_alpha", strengths);
    const { graph: pruned, statement } = prune(noisy);
    expect(statement).toContain("4 of 35 weights");
    const expected = withZeros(dense(), "w2", (at) => at % 4 === 0);
    expect(numbersOf(pruned, "w2")).toEqual(numbersOf(expected, "w2"));
    expect([...pruned.initializers.keys()].sort()).toEqual(["b1", "b2", "w1", "w2"]);
  });

  test("both grains at once, another threshold, and NaN, which prunes nothing", () => {
    const both = insert(insert(dense()).graph, { grain: "weight" }).graph;
    const noisy = learned(both, "hidden_log_alpha", [Number.NaN, 1, 1, -1, -1]);
    const { graph: pruned, statement } = prune(noisy, { threshold: 0.5 });
    expect(statement).toContain("2 of 5 units and 0 of 35 weights");
    expect(pruned.nodes.map(({ opType }) => opType)).toEqual(["Gemm", "Sigmoid", "Gemm"]);
    const expected = withZeros(dense(), "w2", (at) => [1, 2].includes(Math.floor(at / 3)));
    // The product with 0 leaves −0 of negative weights.
    const positive = numbersOf(pruned, "w2").map((value) => value + 0);
    expect(positive).toEqual(numbersOf(expected, "w2"));
  });

  test("a model without it has no site", () => {
    const graph = dense();
    expect(prune(graph)).toEqual({ graph, applied: [], skipped: [], siteOutputs: [] });
  });

  test("a sample model goes there and back byte for byte", async () => {
    const path = new URL("../../../media/samples/narrow-resnet.onnx", import.meta.url).pathname;
    const graph = await readModel(path);
    for (const grain of ["unit", "weight"]) {
      expect(encodeModel(prune(insert(graph, { grain }).graph).graph)).toEqual(encodeModel(graph));
    }
  });
});
