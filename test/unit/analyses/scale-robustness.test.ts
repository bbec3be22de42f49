import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { scaleFreedom } from "../../../src/analyses/scale-freedom.ts";
import { scaleRobustness } from "../../../src/analyses/scale-robustness.ts";
import { analyze } from "../../../src/engine/analyze.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import type { Graph, Node } from "../../../src/graph/graph.ts";
import { float32Tensor, int64Tensor } from "../../../src/graph/tensor.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { isRefusal } from "../../../src/passes/refusal.ts";
import type { RuntimeTensor } from "../../../src/runtime/runtime.ts";
import { SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { numbers, relativeError, runStep, type Values } from "../operators/step-harness.ts";
import { modelOf, named, weights } from "../passes/dropout-models.ts";

const FACTOR = 10;

/** All but nothing: the normalization's own ε is what keeps BN((a·W)·u) from BN(W·u). */
const EPSILON = { attributes: { epsilon: { float: 1e-12 } } };

/** Sums of 27 products, twice normalized. */
const ROUNDING = 1e-5;

const parameters = ["p", "p", "p", "v"];
const norm = (input: string, output: string, name = "bn") =>
  named("BatchNormalization", name, [input, ...parameters], [output], EPSILON);

interface Case {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly free: boolean;
  /** Shapes of x and of w; images where w has four dimensions. */
  readonly x?: readonly number[];
  readonly w?: readonly number[];
  readonly y?: readonly number[];
}

const images = { x: [6, 3, 5, 5], w: [4, 3, 3, 3], y: [6, 4, 3, 3] };
const conv = named("Conv", "layer", ["x", "w"], ["t"]);
const biased = named("Conv", "layer", ["x", "w", "b"], ["t"]);
const relu = (input: string, output: string) => named("Relu", "relu", [input], [output]);

const cases: readonly Case[] = [
  { name: "Conv → BN", nodes: [conv, norm("t", "y")], free: true, ...images },
  { name: "Conv with a bias → BN", nodes: [biased, norm("t", "y")], free: true, ...images },
  {
    name: "Conv → Relu → MaxPool → BN",
    nodes: [
      conv,
      relu("t", "r"),
      named("MaxPool", "pool", ["r"], ["m"], { attributes: { kernel_shape: { ints: [2, 2] } } }),
      norm("m", "y"),
    ],
    free: true,
    ...images,
    y: [6, 4, 2, 2],
  },
  {
    name: "Conv with a bias → Relu → BN",
    nodes: [biased, relu("t", "r"), norm("r", "y")],
    free: false,
    ...images,
  },
  {
    name: "Conv → Relu → another Conv → BN",
    nodes: [conv, relu("t", "r"), named("Conv", "next", ["r", "w2", "b"], ["s"]), norm("s", "y")],
    free: true,
    ...images,
  },
  {
    name: "Conv → InstanceNorm with a bias before it",
    nodes: [biased, named("InstanceNormalization", "in", ["t", "p", "p"], ["y"], EPSILON)],
    free: true,
    ...images,
  },
  {
    name: "MatMul → LayerNorm",
    nodes: [
      named("MatMul", "layer", ["x", "w"], ["t"]),
      named("LayerNormalization", "ln", ["t", "p"], ["y"], EPSILON),
    ],
    free: true,
  },
  {
    name: "Gemm with a bias → LayerNorm",
    nodes: [
      named("Gemm", "layer", ["x", "w", "b"], ["t"]),
      named("LayerNormalization", "ln", ["t", "p"], ["y"], EPSILON),
    ],
    free: false,
  },
  {
    name: "MatMul → Add of a bias → BN",
    nodes: [
      named("MatMul", "layer", ["x", "w"], ["t"]),
      named("Add", "add", ["t", "b"], ["s"]),
      norm("s", "y"),
    ],
    free: true,
  },
  {
    name: "Gemm → Sigmoid → BN",
    nodes: [
      named("Gemm", "layer", ["x", "w"], ["t"]),
      named("Sigmoid", "bent", ["t"], ["s"]),
      norm("s", "y"),
    ],
    free: false,
  },
  {
    name: "Gemm → residual Add → BN",
    nodes: [
      named("Gemm", "layer", ["x", "w"], ["t"]),
      named("Add", "add", ["t", "x"], ["s"]),
      norm("s", "y"),
    ],
    free: false,
  },
  {
    name: "Gemm beside other channels → BN",
    nodes: [
      named("Gemm", "layer", ["x", "w"], ["t"]),
      named("Slice", "half", ["t", "zero", "two", "one"], ["h"]),
      named("Slice", "other", ["x", "zero", "two", "one"], ["o"]),
      named("Concat", "cat", ["h", "o"], ["s"], { attributes: { axis: { int: 1 } } }),
      norm("s", "y"),
    ],
    free: true,
  },
  {
    name: "Gemm beside other channels → LayerNorm",
    nodes: [
      named("Gemm", "layer", ["x", "w"], ["t"]),
      named("Concat", "cat", ["t", "x"], ["s"], { attributes: { axis: { int: 1 } } }),
      named("LayerNormalization", "ln", ["s", "p8"], ["y"], EPSILON),
    ],
    free: false,
    y: [12, 8],
  },
];

const stored = [
  weights("b", [4], 3),
  weights("w2", [4, 4, 1, 1], 4),
  weights("p", [4], 5),
  weights("p8", [8], 6),
  float32Tensor("v", [4], [1, 1, 1, 1]),
  int64Tensor("zero", [1], [0]),
  int64Tensor("one", [1], [1]),
  int64Tensor("two", [1], [2]),
];

function graphOf({ nodes, x = [12, 4], w = [4, 4] }: Case): Graph {
  return modelOf(nodes, {
    inputs: { x },
    outputs: { y: [] },
    tensors: [...stored, weights("w", w, 2)],
  });
}

function scaled(values: Values, factor: number): Values {
  return { shape: values.shape, data: Array.from(values.data, (value) => value * factor) };
}

function numbersOf(tensor: RuntimeTensor | undefined): number[] {
  return Array.from((tensor?.data ?? []) as ArrayLike<number>);
}

describe("a weight that is said to have a free scale has one, and no other has", () => {
  test.each(cases)("$name: free is $free", async (each) => {
    const layer = each.nodes[0] as Node;
    const freedom = scaleFreedom(graphOf(each), layer);
    expect(isRefusal(freedom)).toBe(!each.free);
    const used = new Set(each.nodes.flatMap(({ input }) => input));
    const w = numbers(each.w ?? [4, 4], 2);
    const x = numbers(each.x ?? [12, 4], 1);
    const seed = numbers(each.y ?? [12, 4], 77);
    const at = async (factor: number) => {
      const description = {
        nodes: each.nodes,
        inputs: { x, w: scaled(w, factor) },
        initializers: stored.filter(({ name }) => used.has(name)),
        output: "y",
      };
      const { values, gradients } = await runStep(description, seed);
      expect(values.y?.dims).toEqual(seed.shape);
      return { y: numbersOf(values.y), gradient: numbersOf(gradients.w) };
    };
    const [one, ten] = [await at(1), await at(FACTOR)];
    const difference = relativeError(ten.y, one.y);
    if (!each.free) {
      expect(difference).toBeGreaterThan(1e-2);
      return;
    }
    expect(difference).toBeLessThan(ROUNDING);
    // ∂ℓ/∂(a·W) = (1/a)·∂ℓ/∂W, where what is left of the gradient is not rounding alone.
    const expected = one.gradient.map((value) => value / FACTOR);
    expect(relativeError(ten.gradient, expected)).toBeLessThan(10 * ROUNDING);
  });
});

describe("the analysis", () => {
  const options = checkedOptions(scaleRobustness, { learningRate: 0.5 });

  test("names the layers, ‖W‖ and η/‖W‖², and says what weight decay does", async () => {
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    const { sentences, tables } = await scaleRobustness.run(graph, options, undefined);
    expect(sentences[0]).toMatch(/^3 of 4 weights have a free scale/);
    expect(sentences[1]).toBe(
      "L2 or weight decay on these weights does not regularize the function: it shrinks ‖W‖, and so raises the effective learning rate η/‖W‖².",
    );
    const [free, bound] = tables;
    expect(free?.rows.map(([layer, by]) => [layer, by])).toEqual([
      ["conv1", "bn1"],
      ["conv2", "bn2"],
      ["conv3", "bn3"],
    ]);
    for (const [, , length, rate] of free?.rows ?? []) {
      expect(rate).toBeCloseTo(0.5 / Number(length) ** 2, 12);
    }
    expect(bound?.rows).toEqual([["fc", expect.any(Number), "logits is an output of the model."]]);
  });

  test("a weight of two layers is free where it is in both", async () => {
    const nodes = [
      named("Gemm", "a", ["x", "w"], ["t"]),
      norm("t", "n"),
      named("Gemm", "b", ["n", "w"], ["y"]),
    ];
    const { tables } = await scaleRobustness.run(
      graphOf({ name: "", nodes, free: false }),
      options,
      undefined,
    );
    expect(tables.map(({ rows }) => rows[0])).toEqual([
      ["a, b", expect.any(Number), "Gemm b shares it: y is an output of the model."],
    ]);
  });

  test("a weight that is not finite is refused by name", async () => {
    const spoilt = graphOf(cases[0] as Case);
    const tensor = float32Tensor("w", [4, 3, 3, 3], new Float32Array(108).fill(Number.NaN));
    const initializers = new Map(spoilt.initializers).set("w", tensor);
    await expect(
      scaleRobustness.run({ ...spoilt, initializers }, options, undefined),
    ).rejects.toThrow("Conv layer: its weight w is not finite");
  });

  test("a network without normalization has none; one without layers is refused", async () => {
    const graph = await readModel(join(SAMPLES, "digits-mlp.onnx"));
    const report = await analyze(graph, { analysis: "scale-robustness" }, context);
    expect(report.sentences[0]).toMatch(/^None of the 4 weights has a free scale/);
    const empty = modelOf([relu("x", "y")]);
    await expect(scaleRobustness.run(empty, options, undefined)).rejects.toThrow(
      "scale-robustness: the model has no layer with a known weight",
    );
  });
});
