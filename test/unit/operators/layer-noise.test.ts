import { describe, expect, test } from "vitest";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph, Node } from "../../../src/graph/graph.ts";
import {
  type NodeRole,
  withRole,
  withRoleList,
  withRoleNumber,
} from "../../../src/graph/node-role.ts";
import { STEP_OPSET } from "../../../src/operators/operator.ts";
import { addGradients, addTrainingForward } from "../../../src/training/autodiff.ts";
import { feed, numbers, OPTIONS, run, untyped, type Values } from "./step-harness.ts";

const SHAPE = [64, 25, 20];

function noiseNode(role: NodeRole, strength: number, shared: readonly number[] = []): Node {
  const plain = makeNode("Identity", ["x"], ["y"], { name: "noise" });
  return withRoleList(
    withRoleNumber(withRole(plain, role), "strength", strength),
    "shared",
    shared,
  );
}

function modelOf(node: Node, shape: readonly number[] = SHAPE): Graph {
  const builder = new GraphBuilder(["x", "y"]);
  builder.nodes.push(node);
  const [x, y] = ["x", "y"].map((name) => makeValueInfo(name, DataType.FLOAT, shape));
  return builder.build("model", x ? [x] : [], y ? [y] : [], 17);
}

interface Drawn {
  readonly y: readonly number[];
  /** ∂L/∂x for ∂L/∂y = 1. */
  readonly slope: readonly number[];
}

/** What the node makes of x at a step. */
async function drawn(
  node: Node,
  x: Values,
  { step = 1, threads = 1, mode = "training" as "training" | "inference" } = {},
): Promise<Drawn> {
  const builder = new GraphBuilder(["x", "seed", "step"]);
  const options = { ...OPTIONS, step: "step", mode };
  const trace = addTrainingForward(builder, modelOf(node, x.shape), new Map(), options);
  const gradients = addGradients(builder, trace, new Map([["y", "seed"]]), ["x"]);
  const outputs = [trace.value("y"), gradients.get("x") ?? ""].map((value) =>
    builder.add("Identity", [value], { stem: "wanted" }),
  );
  const inputs = ["x", "seed"].map((name) => makeValueInfo(name, DataType.FLOAT, x.shape));
  const graph = builder.build(
    "step",
    [...inputs, makeValueInfo("step", DataType.UINT32, [])],
    outputs.map(untyped),
    STEP_OPSET,
  );
  const ones = { shape: x.shape, data: new Float32Array(x.data.length).fill(1) };
  const number = { type: "uint32" as const, dims: [], data: Uint32Array.of(step) };
  const results = await run(graph, { x: feed(x), seed: feed(ones), step: number }, threads);
  const [y = [], slope = []] = outputs.map((name) =>
    Array.from(results[name]?.data as ArrayLike<number>, Number),
  );
  return { y, slope };
}

const constant = (value: number, shape: readonly number[] = SHAPE): Values => ({
  shape,
  data: new Float32Array(shape.reduce((all, size) => all * size, 1)).fill(value),
});

function moments(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance };
}

const ALPHA_PRIME = -1.7580993408473766;

/**
 * Mean and variance of y where x is 2 throughout. For AlphaDropout, of k·2 + (1 − k)·α′ with P(k = 1) = q:
 * mean 2q + (1 − q)·α′ and variance q·(1 − q)·(2 − α′)², before the affine map of the paper.
 */
function expectedMoments(role: NodeRole, strength: number) {
  const kept = 1 - strength;
  const a = (kept * (1 + strength * ALPHA_PRIME ** 2)) ** -0.5;
  const b = -a * ALPHA_PRIME * strength;
  switch (role) {
    case "added-noise":
      return { mean: 2, variance: strength ** 2 };
    case "alpha-dropout":
      return {
        mean: a * (2 * kept + strength * ALPHA_PRIME) + b,
        variance: a ** 2 * kept * strength * (2 - ALPHA_PRIME) ** 2,
      };
    default:
      return { mean: 2, variance: (4 * strength) / kept };
  }
}

const KINDS = [
  ["shared-dropout", 0.3],
  ["added-noise", 0.4],
  ["gaussian-dropout", 0.2],
  ["alpha-dropout", 0.25],
] as const;

describe.each(KINDS)("%s of strength %d", (role, strength) => {
  const node = noiseNode(role, strength);

  test("has the mean and variance of Keras' formula", async () => {
    const { y } = await drawn(node, constant(2));
    const { mean, variance } = moments(y);
    const expected = expectedMoments(role, strength);
    // The mean of n draws is off by σ/√n; five times that happens once in a million seeds.
    expect(Math.abs(mean - expected.mean)).toBeLessThan(
      5 * Math.sqrt(expected.variance / y.length),
    );
    // Of the variance, √(κ − 1)·σ²/√n, with a kurtosis κ under 4 for each of them.
    expect(Math.abs(variance / expected.variance - 1)).toBeLessThan(5 * Math.sqrt(3 / y.length));
  });

  test("has the gradient m of y = m·x + c, told by two inputs under the same draw", async () => {
    const [x, other] = [numbers(SHAPE), numbers(SHAPE, 2)];
    const [first, second] = [await drawn(node, x), await drawn(node, other)];
    const misses = first.slope.map((slope, index) => {
      const change = (second.y[index] ?? 0) - (first.y[index] ?? 0);
      return Math.abs(change - slope * (Number(other.data[index]) - Number(x.data[index])));
    });
    // y is at most about 5, rounded to float32.
    expect(misses.reduce((worst, miss) => Math.max(worst, miss), 0)).toBeLessThan(4e-6);
  });

  test("follows from the step alone, on any number of threads, and does nothing at inference", async () => {
    const x = numbers(SHAPE);
    const once = await drawn(node, x, { step: 5 });
    expect(await drawn(node, x, { step: 5, threads: 2 })).toEqual(once);
    expect((await drawn(node, x, { step: 6 })).y).not.toEqual(once.y);
    const inference = await drawn(node, x, { mode: "inference" });
    expect(inference.y).toEqual(Array.from(Float32Array.from(x.data)));
    expect(new Set(inference.slope)).toEqual(new Set([1]));
  });
});

test("AlphaDropout keeps mean 0 and variance 1 of what has them", async () => {
  const random = await drawn(noiseNode("added-noise", 1), constant(0));
  const { y } = await drawn(
    noiseNode("alpha-dropout", 0.4),
    { shape: SHAPE, data: random.y },
    { step: 2 },
  );
  const { mean, variance } = moments(y);
  expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(y.length));
  expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(3 / y.length));
});

test("what is shared along axes is one draw for all their positions, and others are apart", async () => {
  const { y, slope } = await drawn(noiseNode("shared-dropout", 0.5, [1]), constant(1));
  const [batch = 0, steps = 0, channels = 0] = SHAPE;
  const at = (n: number, t: number, c: number) => y[(n * steps + t) * channels + c];
  const dropped = { count: 0 };
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      const all = new Set(Array.from({ length: steps }, (_, t) => at(n, t, c)));
      expect(all.size).toBe(1);
      if (all.has(0)) dropped.count++;
    }
  }
  const share = dropped.count / (batch * channels);
  expect(Math.abs(share - 0.5)).toBeLessThan(2.5 / Math.sqrt(batch * channels));
  expect(slope).toEqual(y);
});

test.each([
  ["shared-dropout", 1, [], "node noise: shared dropout needs a rate from 0 to below 1, not 1"],
  ["added-noise", -1, [], "node noise: added noise needs a stddev from 0 on, not -1"],
  [
    "alpha-dropout",
    Number.NaN,
    [],
    "node noise: alpha dropout needs a rate from 0 to below 1, not NaN",
  ],
  [
    "shared-dropout",
    0.5,
    [3],
    "node noise: its noise is shared along axis 3; its input has 3 axes",
  ],
] as const)("%s of %d is refused", async (role, strength, shared, message) => {
  await expect(drawn(noiseNode(role, strength, shared), constant(1))).rejects.toThrow(message);
});
