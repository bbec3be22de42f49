import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph, Node } from "../../../src/graph/graph.ts";
import { withRole } from "../../../src/graph/node-role.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { STEP_OPSET } from "../../../src/operators/operator.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import type { RuntimeTensor, Tensors } from "../../../src/runtime/runtime.ts";
import { addGradients, addTrainingForward } from "../../../src/training/autodiff.ts";
import { addDivergence } from "../../../src/training/variational-divergence.ts";
import { named, truth } from "../passes/dropout-models.ts";
import { feed, OPTIONS, relativeError, run, untyped, type Values } from "./step-harness.ts";

interface OracleCase {
  readonly name: string;
  readonly noise: Values;
  readonly outputGradient: Values;
  readonly inputs: Readonly<Record<string, Values>>;
  readonly y: Values;
  readonly gradients: Readonly<Record<string, Values>>;
}

interface Oracle {
  readonly cases: readonly OracleCase[];
  readonly divergence: {
    readonly logAlpha: Values;
    readonly sum: number;
    readonly gradient: Values;
  };
}

const file = new URL("../../oracles/variational-dropout.json", import.meta.url);
const oracle = JSON.parse(readFileSync(file, "utf8")) as Oracle;
const TOLERANCE = 1e-5;

const CLIP = makeNode("Clip", ["logAlpha", "low", "high"], ["clipped"], { name: "clip" });

/** log α → … → ratio, and the Dropout on x. */
const UNITS = [
  CLIP,
  makeNode("Sigmoid", ["clipped"], ["rates"], { name: "sigmoid" }),
  makeNode("ReduceMean", ["rates"], ["ratio"], {
    name: "mean",
    attributes: { keepdims: { int: 0 } },
  }),
  withRole(named("Dropout", "noise", ["x", "ratio"], ["y"]), "variational-dropout"),
];

function nodesOf({ name, inputs }: OracleCase): readonly Node[] {
  if (inputs.w === undefined) return UNITS;
  const where = named("Where", "noise", ["always", "w", "clipped"], ["noisy"]);
  const layerInputs = ["x", "noisy", ...(inputs.b === undefined ? [] : ["b"])];
  const opType = name.split(" ").at(-1) ?? "";
  const attributes = opType === "Conv" ? { pads: { ints: [1, 1, 1, 1] } } : {};
  const layer = named(opType, "layer", layerInputs, ["y"], { attributes });
  return [CLIP, withRole(where, "variational-dropout"), layer];
}

function modelOf(each: OracleCase): Graph {
  const { x, ...stored } = each.inputs;
  const builder = new GraphBuilder();
  builder.nodes.push(...nodesOf(each));
  for (const [name, { shape, data }] of Object.entries(stored)) {
    builder.addInitializer(float32Tensor(name, shape, Array.from(data)));
  }
  builder.addInitializer(truth("always", true));
  builder.addInitializer(float32Tensor("low", [], [-8]));
  builder.addInitializer(float32Tensor("high", [], [8]));
  const info = (name: string, values: Values | undefined) =>
    makeValueInfo(name, DataType.FLOAT, values?.shape ?? []);
  return builder.build("model", [info("x", x)], [info("y", each.y)], 17);
}

/** Forward and gradients as training computes them, with the noise of the file where given. */
function stepOf(each: OracleCase, noise: Values | undefined) {
  const options = { ...OPTIONS, step: "step" };
  const model = modelOf(each);
  const names = Object.keys(each.inputs);
  const parameters = names.filter((name) => name !== "x");
  const builder = new GraphBuilder(["seed", "step"]);
  const trace = addTrainingForward(builder, model, new Map(), { ...options, parameters });
  const gradients = addGradients(builder, trace, new Map([["y", "seed"]]), names);
  const drawn = builder.nodes.filter((node) => node.output[0] === "noise");
  expect(drawn.length).toBe(1);
  const noiseName = drawn[0]?.output[0] ?? "";
  const fed: Record<string, Values> = { ...each.inputs, seed: each.outputGradient };
  if (noise !== undefined) fed[noiseName] = noise;
  const outputs = { y: trace.value("y"), ...Object.fromEntries(gradients) };
  const graph = builder.build(
    "step",
    [
      ...Object.entries(fed).map(([name, { shape }]) => makeValueInfo(name, DataType.FLOAT, shape)),
      makeValueInfo("step", DataType.UINT32, []),
    ],
    Object.values(outputs).map(untyped),
    STEP_OPSET,
  );
  const nodes = noise === undefined ? graph.nodes : graph.nodes.filter((node) => node !== drawn[0]);
  const feeds: Tensors = Object.fromEntries(
    Object.entries(fed).map(([name, values]) => [name, feed(values)]),
  );
  return { graph: { ...graph, nodes }, feeds: { ...feeds, step: stepNumber(1) }, outputs };
}

function stepNumber(step: number): RuntimeTensor {
  return { type: "uint32", dims: [], data: Uint32Array.of(step) };
}

describe("variational dropout agrees with PyTorch in float64", () => {
  test.each(oracle.cases)("$name", async (each) => {
    const { graph, feeds, outputs } = stepOf(each, each.noise);
    const results = await run(graph, feeds);
    const value = (name: string) => results[outputs[name as keyof typeof outputs] ?? ""];
    expect(relativeError(value("y")?.data ?? [], each.y.data)).toBeLessThan(TOLERANCE);
    for (const [name, expected] of Object.entries(each.gradients)) {
      expect(value(name)?.dims, name).toEqual(expected.shape);
      expect(relativeError(value(name)?.data ?? [], expected.data), name).toBeLessThan(TOLERANCE);
    }
  });

  test("the divergence and its gradient", async () => {
    const { logAlpha, sum, gradient } = oracle.divergence;
    const builder = new GraphBuilder(["a"]);
    const added = addDivergence(builder, "a");
    const graph = builder.build(
      "divergence",
      [makeValueInfo("a", DataType.FLOAT, logAlpha.shape)],
      [added.divergence, added.gradient].map(untyped),
      STEP_OPSET,
    );
    const results = await run(graph, { a: feed(logAlpha) });
    const found = Number(results[added.divergence]?.data[0]);
    expect(Math.abs(found / sum - 1)).toBeLessThan(TOLERANCE);
    const slope = results[added.gradient]?.data ?? [];
    expect(relativeError(slope, gradient.data)).toBeLessThan(TOLERANCE);
  });
});

test("noise is standard normal, new at every step and the same in every run", async () => {
  const rows = 4000;
  const x: Values = { shape: [rows, 1], data: new Float32Array(rows).fill(1) };
  const logAlpha: Values = { shape: [1], data: [Math.log(0.25)] };
  const each: OracleCase = {
    name: "units",
    noise: x,
    outputGradient: x,
    inputs: { x, logAlpha },
    y: x,
    gradients: {},
  };
  const { graph, feeds, outputs } = stepOf(each, undefined);
  const session = async (first: number, second: number) => {
    const runtime = await loadRuntime();
    const opened = await runtime.createSession(encodeModel(graph), { threads: 1 });
    const at = async (step: number) => {
      const results = await opened.run({ ...feeds, step: stepNumber(step) });
      return Array.from((results[outputs.y] as RuntimeTensor).data as Float32Array);
    };
    const steps = [await at(first), await at(second)];
    await opened.release();
    return steps as [number[], number[]];
  };
  const [first, second] = await session(1, 2);
  // What was drawn before does not matter: a session that begins later goes on the same.
  expect(await session(2, 1)).toEqual([second, first]);
  expect(second).not.toEqual(first);
  // y = 1 + √0.25·ε: mean 1 and deviation 0.5, within five standard errors.
  for (const values of [first, second]) {
    const mean = values.reduce((sum, value) => sum + value, 0) / rows;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rows;
    expect(Math.abs(mean - 1)).toBeLessThan((5 * 0.5) / Math.sqrt(rows));
    expect(Math.abs(variance / 0.25 - 1)).toBeLessThan(5 * Math.sqrt(2 / rows));
  }
  const product = first.reduce(
    (sum, value, row) => sum + (value - 1) * ((second[row] ?? 1) - 1),
    0,
  );
  expect(Math.abs(product / rows / 0.25)).toBeLessThan(5 / Math.sqrt(rows));
});
