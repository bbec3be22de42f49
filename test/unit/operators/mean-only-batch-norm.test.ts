import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Node } from "../../../src/graph/graph.ts";
import { withRole } from "../../../src/graph/node-role.ts";
import { float32Tensor, int64Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import {
  type ModelDescription,
  node,
  relativeError,
  runStep,
  type Values,
} from "./step-harness.ts";

interface NodeCase {
  readonly name: string;
  readonly momentum: number;
  readonly t: Values;
  readonly b: Values;
  readonly running: Values;
  readonly outputGradient: Values;
  readonly output: Values;
  readonly gradients: Readonly<Record<"t" | "b", Values>>;
  readonly nextRunning: Values;
}

interface NetworkCase {
  readonly name: string;
  readonly x: Values;
  readonly v: Values;
  readonly g: Values;
  readonly b: Values;
  readonly outputGradient: Values;
  readonly output: Values;
  readonly gradients: Readonly<Record<"x" | "v" | "g" | "b", Values>>;
  readonly mean: Values;
}

interface Oracle {
  readonly nodes: readonly NodeCase[];
  readonly networks: readonly NetworkCase[];
}

const file = new URL("../../oracles/mean-only-batch-norm.json.gz", import.meta.url);
const oracle = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Oracle;
const TOLERANCE = 1e-5;

const stored = (name: string, { shape, data }: Values): Tensor =>
  float32Tensor(name, shape, Array.from(data));

/** t − running, then + b. */
function meanOnly(): Node[] {
  return [
    withRole(node("Sub", ["t", "running"], ["centred"]), "mean-only-batch-norm"),
    node("Add", ["centred", "b"], ["y"]),
  ];
}

function modelOf(oracleCase: Pick<NodeCase, "t" | "b" | "running">): ModelDescription {
  return {
    nodes: meanOnly(),
    inputs: { t: oracleCase.t, b: oracleCase.b },
    initializers: [stored("running", oracleCase.running)],
    output: "y",
  };
}

describe("mean-only batch normalization agrees with PyTorch in float64", () => {
  test.each(oracle.nodes)("$name", async (each) => {
    const { values, gradients, states } = await runStep(modelOf(each), each.outputGradient, {
      batchNormMomentum: each.momentum,
    });
    expect(values.y?.dims).toEqual(each.output.shape);
    expect(relativeError(values.y?.data ?? [], each.output.data)).toBeLessThan(TOLERANCE);
    for (const name of ["t", "b"] as const) {
      const actual = gradients[name];
      expect(actual?.dims).toEqual(each.gradients[name].shape);
      expect(relativeError(actual?.data ?? [], each.gradients[name].data)).toBeLessThan(TOLERANCE);
    }
    expect(states.running?.dims).toEqual(each.running.shape);
    expect(relativeError(states.running?.data ?? [], each.nextRunning.data)).toBeLessThan(
      TOLERANCE,
    );
  });

  test.each(oracle.networks)("$name", async (each) => {
    const { x, v, g, b } = each;
    const description: ModelDescription = {
      opset: 18,
      nodes: [
        node("ReduceL2", ["v", "axes"], ["norm"]),
        node("Div", ["v", "norm"], ["direction"]),
        node("Mul", ["direction", "g"], ["w"]),
        node("Conv", ["x", "w"], ["t"], { pads: { ints: [1, 1, 1, 1] } }),
        ...meanOnly(),
        node("Relu", ["y"], ["z"]),
      ],
      inputs: { x, v, g, b },
      initializers: [
        int64Tensor("axes", [3], [1, 2, 3]),
        float32Tensor("running", each.mean.shape, new Float32Array(each.mean.data.length)),
      ],
      output: "z",
    };
    const { values, gradients, states } = await runStep(description, each.outputGradient, {
      batchNormMomentum: 1,
    });
    expect(relativeError(values.z?.data ?? [], each.output.data)).toBeLessThan(TOLERANCE);
    for (const [name, expected] of Object.entries(each.gradients)) {
      expect(relativeError(gradients[name]?.data ?? [], expected.data), name).toBeLessThan(
        TOLERANCE,
      );
    }
    expect(relativeError(states.running?.data ?? [], each.mean.data)).toBeLessThan(TOLERANCE);
  });
});

test("at inference it is the plain subtraction, and its gradient goes through", async () => {
  const [each] = oracle.nodes as [NodeCase];
  const { values, gradients, states } = await runStep(modelOf(each), each.outputGradient, {
    mode: "inference",
  });
  const channels = each.t.shape[1] as number;
  const expected = Array.from(each.t.data, (value, position) => {
    const channel = position % channels;
    return value - (each.running.data[channel] as number) + (each.b.data[channel] as number);
  });
  expect(relativeError(values.y?.data ?? [], expected)).toBeLessThan(TOLERANCE);
  expect(relativeError(gradients.t?.data ?? [], each.outputGradient.data)).toBe(0);
  expect(states).toEqual({});
});

test("a running mean of another shape, or one that is computed, is refused by name", async () => {
  const [each] = oracle.nodes as [NodeCase];
  const wrong = { ...each, running: { shape: [5, 1], data: new Float32Array(5) } };
  await expect(runStep(modelOf(wrong), each.outputGradient)).rejects.toThrow(
    "node sub: its running mean running has shape [5,1], which does not fit its input [8,5]",
  );
  const computed: ModelDescription = {
    ...modelOf(each),
    nodes: [node("Relu", ["b"], ["running"]), ...meanOnly()],
    initializers: [],
  };
  await expect(runStep(computed, each.outputGradient)).rejects.toThrow(
    "value running: a running statistic must be stored in the model",
  );
});

test("the role on another operator is passed over", async () => {
  const [each] = oracle.nodes as [NodeCase];
  const description: ModelDescription = {
    ...modelOf(each),
    nodes: [withRole(node("Add", ["t", "running"], ["y"]), "mean-only-batch-norm")],
    inputs: { t: each.t },
  };
  const { values, states } = await runStep(description, each.outputGradient);
  expect(states).toEqual({});
  const sums = Array.from(
    each.t.data,
    (value, position) =>
      value + (each.running.data[position % (each.t.shape[1] as number)] as number),
  );
  expect(relativeError(values.y?.data ?? [], sums)).toBeLessThan(TOLERANCE);
});
