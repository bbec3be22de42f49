import { join } from "node:path";
import { expect, test } from "vitest";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { sampleRuns } from "../../../src/engine/sample-runs.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { nodeRole } from "../../../src/graph/node-role.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { insertWhitening } from "../../../src/passes/insert-whitening.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { pick, runTraining } from "./run-training.ts";

const network = await readModel(join(SAMPLES, "digits-mlp.onnx"));

async function whitened(): Promise<Graph> {
  const options = checkedOptions(insertWhitening, { mode: "keep", layers: "all" });
  const samples = sampleRuns(await openDataset("digits"), undefined, context);
  const result = await insertWhitening.applyOnData?.(network, undefined, options, samples);
  return result?.graph ?? network;
}

test("the running weight and bias are states, not parameters", async () => {
  const graph = await whitened();
  const names = trainableParameters(graph).map(({ name }) => name);
  expect(names).toEqual(trainableParameters(network).map(({ name }) => name));
});

test("the sigmoid network learns by plain gradient descent what it does not learn without", async () => {
  const part = {
    optimizer: { kind: "sgd", learningRate: 0.5, momentum: 0 },
    maxEpochs: 3,
    statistics: { everySteps: 50 },
    weights: "keep",
  };
  const [plain, with_] = [
    await runTraining(network, part),
    await runTraining(await whitened(), part),
  ];
  const accuracy = ({ events }: typeof plain) =>
    Number(pick(events, "done")[0]?.testAccuracy ?? Number.NaN);
  expect(accuracy(plain)).toBeLessThan(0.3);
  expect(accuracy(with_)).toBeGreaterThan(0.8);
});

test("what is saved is the plain operators with the running statistics", async () => {
  const before = await whitened();
  const { result } = await runTraining(before, { maxEpochs: 1, weights: "keep" });
  const after = await readModel(result.bestModel);
  const node = after.nodes.find((each) => nodeRole(each) === "whitening");
  expect(node?.opType).toBe("Gemm");
  const [, weight = "", bias = ""] = node?.input ?? [];
  for (const name of [weight, bias]) {
    const values = (graph: Graph) => readFloat64(graph.initializers.get(name) as Tensor);
    expect(values(after)).not.toEqual(values(before));
    expect(values(after).every(Number.isFinite)).toBe(true);
  }
});
