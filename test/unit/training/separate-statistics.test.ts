import { join } from "node:path";
import { expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { changeNode } from "../../../src/graph/edit.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { separateStatistics } from "../../../src/training/separate-statistics.ts";
import { FIXTURES, SAMPLES } from "../../support/repository.ts";
import { pick, runTraining, SHORT } from "./run-training.ts";

/** As onnx-simplifier stores it: the Identity nodes are gone, and their readers read the one tensor. */
async function mergedModel(): Promise<Graph> {
  const graph = await readModel(join(FIXTURES, "shared-start.onnx"));
  const identities = graph.nodes.filter(({ opType }) => opType === "Identity");
  const sources = new Map(identities.map(({ input, output }) => [output[0] ?? "", input[0] ?? ""]));
  const nodes = graph.nodes
    .filter((node) => !identities.includes(node))
    .map((node) =>
      changeNode(node, { input: node.input.map((name) => sources.get(name) ?? name) }),
    );
  return { ...graph, nodes };
}

const batchNorms = (graph: Graph) =>
  graph.nodes
    .filter(({ opType }) => opType === "BatchNormalization")
    .map(({ input }) => input.slice(1));

test("a shift and a mean, a scale and a variance that are one tensor become two", async () => {
  const graph = await mergedModel();
  const merged = ["bn1.weight", "bn1.bias", "bn1.bias", "bn1.weight"];
  expect(batchNorms(graph)).toEqual([merged, merged]);
  const separate = separateStatistics(graph);
  const own = ["bn1.weight", "bn1.bias", "bn1.bias.statistic", "bn1.weight.statistic"];
  // Both read the same tensors throughout, as a layer that is used twice does: they stay one.
  expect(batchNorms(separate)).toEqual([own, own]);
  const variance = separate.initializers.get("bn1.weight.statistic") as Tensor;
  expect([...readFloat64(variance)]).toEqual(new Array(8).fill(1));
});

test("layers of which only some tensors are one have a statistic each", async () => {
  const graph = await mergedModel();
  const [first] = graph.nodes.filter(({ opType }) => opType === "BatchNormalization");
  const scale = { ...(graph.initializers.get("bn1.weight") as Tensor), name: "scale" };
  const nodes = graph.nodes.map((node) =>
    node === first
      ? changeNode(node, { input: node.input.map((name, at) => (at === 1 ? "scale" : name)) })
      : node,
  );
  const initializers = new Map([...graph.initializers, ["scale", scale] as const]);
  const [one, two] = batchNorms(separateStatistics({ ...graph, nodes, initializers }));
  expect(one?.[1]).toBe(two?.[1]);
  expect(new Set([one?.[2], one?.[3], two?.[2], two?.[3]]).size).toBe(4);
});

test("such a model is trained to its end", async () => {
  const part = { ...SHORT, maxEpochs: 1, weights: "keep" };
  const { events } = await runTraining(separateStatistics(await mergedModel()), part);
  expect(pick(events, "stop")[0]?.reason).toBe("maxEpochs");
});

test.each(["digits-cnn.onnx", "narrow-resnet.onnx"])("%s stays as it is", async (file) => {
  const graph = await readModel(join(SAMPLES, file));
  expect(separateStatistics(graph)).toBe(graph);
});
