import { describe, expect, test } from "vitest";
import { activationHealth } from "../../../src/analyses/activation-health.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor, int64Tensor } from "../../../src/graph/tensor.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { modelOf, named, scalar } from "../passes/dropout-models.ts";
import { samplesOf } from "./sample-data.ts";

/** 100 samples of four features: −1, or a number from −1 to 1. */
const samples = samplesOf(
  Array.from({ length: 100 }, (_, k) => [-1, (k - 50) / 50, 0.5, k < 96 ? 1 : 0]),
);

const tensors = [
  scalar("low", 0),
  scalar("high", 6),
  scalar("slope", 20),
  float32Tensor("w", [4, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
];

function behind(opType: string, inputs: readonly string[] = ["s"]): Graph {
  const nodes = [
    named("Mul", "steep", ["x", "slope"], ["s"]),
    named(opType, "bent", inputs, ["y"]),
  ];
  return modelOf(nodes, { tensors, outputs: { y: ["N", 4] } });
}

async function health(graph: Graph, given = {}) {
  const options = checkedOptions(activationHealth, given);
  const { sentences, tables } = await activationHealth.run(graph, options, samples);
  const [row] = tables[0]?.rows ?? [];
  const [, , units, dead, , saturated, , which] = row ?? [];
  return { sentences, units, dead, saturated, which };
}

describe("units that pass no gradient are counted and named", () => {
  test.each([
    ["Relu", ["s"], 1, "0"],
    // Feature 2 is 10 always, and feature 3 is 20 or 0: at a bound either way.
    ["Clip", ["s", "low", "high"], 3, "0, 2, 3"],
    ["Elu", ["s"], 1, "0"],
    ["LeakyRelu", ["s"], 1, "0"],
    ["Gelu", ["s"], 1, "0"],
  ])("dead behind %s", async (opType, inputs, dead, which) => {
    const graph = { ...behind(opType, inputs), opsets: new Map([["", 20]]) };
    expect(await health(graph)).toMatchObject({ units: 4, dead, saturated: 0, which });
  });

  test.each(["Sigmoid", "Tanh"])("saturated behind %s", async (opType) => {
    // Feature 1 is near a limit in about nine of ten samples, feature 3 in 96 of 100.
    expect(await health(behind(opType))).toMatchObject({ saturated: 3, which: "0, 2, 3" });
    expect(await health(behind(opType), { share: 0.97 })).toMatchObject({ which: "0, 2" });
    expect(await health(behind(opType), { share: 0.5 })).toMatchObject({ which: "0, 1, 2, 3" });
  });

  test("the limit is the share of the way from the middle", async () => {
    // tanh(1) = 0.76, tanh(0.5) = 0.46.
    const graph = modelOf([named("Tanh", "bent", ["x"], ["y"])], { outputs: { y: ["N", 4] } });
    expect(await health(graph, { limit: 0.75 })).toMatchObject({ which: "0, 3" });
    expect(await health(graph, { limit: 0.77 })).toMatchObject({ saturated: 0 });
  });

  test("units of a sequence are its features, not its places", async () => {
    const nodes = [
      named("Reshape", "apart", ["x", "shape"], ["r"]),
      named("MatMul", "fc", ["r", "pair"], ["t"]),
      named("Relu", "bent", ["t"], ["y"]),
    ];
    const shape = int64Tensor("shape", [3], [-1, 2, 2]);
    const pair = float32Tensor("pair", [2, 2], [1, -1, 1, -1]);
    const graph = modelOf(nodes, { tensors: [shape, pair], outputs: { y: ["N", 2, 2] } });
    expect(await health(graph)).toMatchObject({ units: 2, dead: 0 });
  });
});

test("what it says", async () => {
  expect((await health(behind("Relu"))).sentences).toEqual([
    "Of 4 units of 1 nonlinearities, 1 are dead and 0 saturated on 100 samples of samples.",
    "A dead or saturated unit passes no gradient, so the weights before it do not learn.",
  ]);
  expect((await health(behind("Neg"))).sentences).toEqual([
    "The model has no nonlinearity whose units could be dead.",
  ]);
});

test("numbers that are not finite are no dead units, and are told", async () => {
  const graph = modelOf(
    [named("Sqrt", "root", ["x"], ["s"]), named("Relu", "bent", ["s"], ["y"])],
    { outputs: { y: ["N", 4] } },
  );
  const { dead, sentences } = await health(graph);
  expect(dead).toBe(0);
  expect(sentences.at(-1)).toBe("Relu bent has 150 numbers that are not finite.");
});

test("no data and no samples are refused", async () => {
  const options = checkedOptions(activationHealth, {});
  await expect(activationHealth.run(behind("Relu"), options, undefined)).rejects.toThrow(
    "activation-health: data is needed",
  );
  const none = { ...samples, count: 0 };
  await expect(activationHealth.run(behind("Relu"), options, none)).rejects.toThrow(
    "data samples: it has no samples",
  );
});
