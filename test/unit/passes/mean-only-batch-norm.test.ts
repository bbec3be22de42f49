import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { applyPass } from "../../../src/engine/apply-pass.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { changeNode } from "../../../src/graph/edit.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { nodeRole } from "../../../src/graph/node-role.ts";
import { int64Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { foldMeanOnlyBatchNorm } from "../../../src/passes/fold-mean-only-batch-norm.ts";
import { insertMeanOnlyBatchNorm } from "../../../src/passes/insert-mean-only-batch-norm.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { committedModels, SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { differenceInRuntime } from "./equivalence.ts";
import { LayerGraph, nodeNamed, numbersOf, operatorsOf, perceptron } from "./layer-graphs.ts";

const insert = (graph: Graph, given = {}) =>
  insertMeanOnlyBatchNorm.apply(graph, undefined, checkedOptions(insertMeanOnlyBatchNorm, given));
const fold = (graph: Graph) => foldMeanOnlyBatchNorm.apply(graph, undefined, {});
const reasonFor = (graph: Graph) =>
  foldMeanOnlyBatchNorm
    .find(graph, {})
    .flatMap((site) => (site.applicable ? [] : [site.reason]))[0];

/** x → Conv conv (weight g·v/‖v‖) → Relu, as weight normalization writes it. */
function weightNormalized(): Graph {
  const layers = new LayerGraph();
  layers.builder.addInitializer(int64Tensor("axes", [3], [1, 2, 3]));
  const v = layers.tensor("v", [4, 2, 3, 3]);
  const norm = layers.node("ReduceL2", [v, "axes"], "norm");
  const direction = layers.node("Div", [v, norm], "direction");
  const w = layers.node("Mul", [direction, layers.tensor("g", [4, 1, 1, 1])], "w");
  layers.node("Relu", [layers.node("Conv", ["x", w, layers.tensor("b", [4])], "conv")], "relu");
  return layers.graph([2, 2, 6, 6], { relu: [2, 4, 4, 4] }, 18);
}

describe("insert-mean-only-batch-norm", () => {
  test("is a Sub of the running mean and an Add of the layer's bias", async () => {
    const graph = perceptron();
    const { graph: inserted, applied } = insert(graph);
    expect(verify(inserted)).toEqual([]);
    expect(operatorsOf(inserted)).toEqual(["Gemm", "Sub", "Add", "Relu", "Gemm"]);
    expect(applied).toEqual([{ node: "fc1", into: "fc1_mean" }]);
    const sub = nodeNamed(inserted, "fc1_mean");
    expect(nodeRole(sub)).toBe("mean-only-batch-norm");
    expect(nodeNamed(inserted, "fc1").input).toEqual(["x", "w1"]);
    expect(inserted.initializers.has("b1")).toBe(false);
    const [, beta] = nodeNamed(inserted, "fc1_shift").input;
    expect(numbersOf(inserted, beta)).toEqual(numbersOf(graph, "b1"));
    expect([...numbersOf(inserted, sub.input[1])]).toEqual([0, 0, 0, 0, 0]);
    expect(await differenceInRuntime(graph, inserted)).toBeLessThanOrEqual(1);
    expect(insert(inserted).applied).toEqual([]);
  });

  test("the Add of a MatMul keeps its name; a bias that is no channel constant stays", async () => {
    const layers = new LayerGraph();
    const product = layers.node("MatMul", ["x", layers.tensor("w", [6, 5])], "product");
    const sum = layers.node("Add", [product, layers.tensor("b", [1, 5])], "sum");
    const matrix = layers.node(
      "Gemm",
      [layers.node("Relu", [sum], "relu"), layers.tensor("w2", [5, 3]), layers.tensor("c", [4, 3])],
      "matrix",
    );
    layers.node("Tanh", [matrix], "tanh");
    const graph = layers.graph([4, 6], { tanh: [4, 3] });
    const { graph: inserted } = insert(graph);
    expect(operatorsOf(inserted)).toEqual("MatMul Sub Add Relu Gemm Sub Add Tanh".split(" "));
    expect(nodeNamed(inserted, "sum").opType).toBe("Add");
    expect(nodeNamed(inserted, "matrix").input).toContain("c");
    expect(await differenceInRuntime(graph, inserted)).toBeLessThanOrEqual(1);
    const folded = fold(inserted);
    expect(folded.applied.map(({ into }) => into)).toEqual(["product"]);
    expect(folded.skipped[0]?.reason).toContain(
      "has shape [4,3], which is not one number a channel",
    );
    expect(await differenceInRuntime(graph, folded.graph)).toBeLessThanOrEqual(1);
    expect(operatorsOf(folded.graph).slice(0, 3)).toEqual(["MatMul", "Add", "Relu"]);
  });

  test("calibrated, the running mean is the data's and the function stays", async () => {
    for (const [file, names] of [
      ["digits-mlp.onnx", ["fc1", "fc2", "fc3"]],
      ["digits-cnn.onnx", ["conv1", "conv2", "conv3"]],
    ] as const) {
      const graph = foldBatchNorm.apply(await readModel(join(SAMPLES, file)), undefined, {}).graph;
      const request = { options: { mode: "calibrated" }, data: "digits", verify: true };
      const { graph: inserted, report } = await applyPass(
        graph,
        { ...request, pass: insertMeanOnlyBatchNorm.id },
        context,
      );
      expect(report.applied.map(({ node }) => node)).toEqual(names);
      expect(report.certificate?.pass).toBe(true);
      const row = report.tables?.[0]?.rows.find(
        ([value]) => value === nodeNamed(graph, names[0]).output[0],
      );
      const sub = nodeNamed(inserted, `${names[0]}_mean`);
      const bias = numbersOf(graph, nodeNamed(graph, names[0]).input[2]);
      const measured = numbersOf(inserted, sub.input[1]).map(
        (value, i) => value + (bias[i] as number),
      );
      expect(Math.max(...measured)).toBeCloseTo(Number(row?.[4]), 5);
      expect(Math.min(...measured)).toBeCloseTo(Number(row?.[3]), 5);
      const back = fold(inserted).graph;
      expect(operatorsOf(back)).toEqual(operatorsOf(graph));
    }
  });
});

describe("fold-mean-only-batch-norm", () => {
  test.each([DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16])(
    "gives the bias back in type %i",
    (dataType) => {
      const graph = perceptron(dataType);
      const { graph: back, applied } = fold(insert(graph).graph);
      expect(applied).toEqual([{ node: "fc1_mean", into: "fc1" }]);
      expect(verify(back)).toEqual([]);
      expect(operatorsOf(back)).toEqual(operatorsOf(graph));
      const [, , bias] = nodeNamed(back, "fc1").input;
      expect(back.initializers.get(bias ?? "")?.dataType).toBe(dataType);
      expect(numbersOf(back, bias)).toEqual(numbersOf(graph, "b1"));
    },
  );

  test("behind weight normalization the weight is left as it is", async () => {
    const graph = weightNormalized();
    const inserted = insert(graph);
    expect(inserted.applied).toEqual([{ node: "conv", into: "conv_mean" }]);
    expect(await differenceInRuntime(graph, inserted.graph)).toBeLessThanOrEqual(1);
    const { graph: back } = fold(inserted.graph);
    expect(operatorsOf(back)).toEqual(operatorsOf(graph));
    expect(nodeNamed(back, "w")).toBe(nodeNamed(inserted.graph, "w"));
    expect(await differenceInRuntime(graph, back)).toBe(0);
  });

  test("a Sub alone, and what is in the way", async () => {
    const { graph } = insert(perceptron());
    const [shift, centred] = [nodeNamed(graph, "fc1_shift"), nodeNamed(graph, "fc1_mean")];
    const seen = { ...graph, outputs: [...graph.outputs, ...graph.outputs] };
    const tapped = {
      ...seen,
      outputs: [...graph.outputs, { ...graph.outputs[0], name: centred.output[0] } as never],
    };
    const alone = fold(tapped);
    expect(operatorsOf(alone.graph)).toEqual(["Gemm", "Add", "Relu", "Gemm"]);
    expect(nodeNamed(alone.graph, "fc1_shift")).toBe(shift);
    const product = { ...graph.outputs[0], name: centred.input[0] } as never;
    expect(reasonFor({ ...graph, outputs: [...graph.outputs, product] })).toBe(
      `Others than fc1_mean read ${centred.input[0]}, the result of the layer.`,
    );
    const layers = new LayerGraph();
    const bent = layers.node("Relu", ["x"], "relu");
    const input = [bent, layers.tensor("m", [6])];
    layers.builder.nodes.push(changeNode(centred, { input, output: ["y"] }));
    expect(reasonFor(layers.graph([4, 6], { y: [4, 6] }))).toBe(
      "No layer whose bias could take it up makes relu, the result of Relu relu.",
    );
    expect(foldMeanOnlyBatchNorm.find(perceptron(), {})).toEqual([]);
  });
});

describe("every committed model", () => {
  test.each(committedModels())("%s: inserted and folded away again", async (path) => {
    const graph = await readModel(path);
    const inserted = insert(graph, { outputLayer: true });
    expect(verify(inserted.graph)).toEqual([]);
    const folded = fold(inserted.graph);
    expect(verify(folded.graph)).toEqual([]);
    expect(folded.applied).toHaveLength(inserted.applied.length - folded.skipped.length);
    for (const { reason } of folded.skipped) expect(reason).toMatch(/bias of/);
  });
});
