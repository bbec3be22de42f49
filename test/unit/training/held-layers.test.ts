import { beforeAll, describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/registry.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { layers, save, scramble } from "../formats/tfjs/tfjs-models.ts";
import { runTraining, SHORT } from "./run-training.ts";

const { layers: make } = layers;

/** The layers "body" and "norm" with their own word on whether they are trained. */
function network(body: boolean, head = true): layers.LayersModel {
  const model = layers.sequential({ name: "held" });
  const first = { units: 8, inputShape: [64], name: "body", trainable: body };
  model.add(make.dense({ ...first, activation: "relu" }));
  model.add(make.batchNormalization({ name: "norm", trainable: body }));
  model.add(make.dense({ units: 10, name: "head", trainable: head }));
  scramble(model);
  return model;
}

/** Names of weights and statistics that a short run changes. */
async function changed(graph: Graph, part: object): Promise<string[]> {
  const { result } = await runTraining(graph, { ...SHORT, maxEpochs: 1, weights: "keep", ...part });
  const after = await readModel(result.bestModel);
  const numbers = (of: Graph, name: string) => readFloat64(of.initializers.get(name) as Tensor);
  return [...graph.initializers.keys()]
    .filter((name) => `${numbers(graph, name)}` !== `${numbers(after, name)}`)
    .toSorted();
}

const HEAD = ["head/bias", "head/kernel"];
const NORM = ["norm/beta", "norm/gamma", "norm/moving_mean", "norm/moving_variance"];

describe("layers with trainable: false", () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await readModel(await save(network(false)));
  });

  test("keep weights and statistics, also where the rest starts fresh", async () => {
    expect(await changed(graph, {})).toEqual(HEAD);
    expect(await changed(graph, { weights: "fresh" })).toEqual(HEAD);
    const asked = { names: ["norm"], updateStatistics: true };
    expect(await changed(graph, { frozen: asked })).toEqual(HEAD);
  });

  test("are trained where the options say so", async () => {
    const all = ["body/bias", "body/kernel", ...HEAD, ...NORM];
    expect(await changed(graph, { fromModel: { trainable: false } })).toEqual(all);
  });

  test("alone make a model that cannot be trained", async () => {
    const still = await readModel(await save(network(false, false)));
    await expect(changed(still, {})).rejects.toThrow(
      "fromModel.trainable: every layer of the model is not trainable",
    );
  });
});
