import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { insertBatchNorm } from "../../../../src/passes/insert-batch-norm.ts";
import { insertDropout } from "../../../../src/passes/insert-dropout.ts";
import { insertMeanOnlyBatchNorm } from "../../../../src/passes/insert-mean-only-batch-norm.ts";
import { checkedOptions } from "../../../../src/passes/options.ts";
import type { Pass } from "../../../../src/passes/pass.ts";
import { plainNetworks } from "./plain-networks.ts";
import {
  type layers,
  load,
  relativeDifference,
  runGraph,
  runLayers,
  save,
  scramble,
  scratchFolder,
} from "./tfjs-models.ts";

/** Float32 rounds each product once more than without the BatchNorm; a wrong axis errs by about 1. */
const TOLERANCE = 1e-5;

interface Written {
  readonly before: layers.LayersModel;
  readonly after: layers.LayersModel;
  readonly graph: Graph;
  readonly file: string;
}

/** The model as TensorFlow.js loads it after a pass, with what the pass is to have done. */
async function written(
  network: ReturnType<typeof plainNetworks>[number],
  pass: Pass,
  given: Record<string, unknown> = {},
): Promise<Written> {
  const before = network.build();
  scramble(before);
  const file = await save(before, { shardBytes: 900 });
  const options = checkedOptions(pass, given as never);
  const { graph, applied } = pass.apply(await readModel(file), undefined, options);
  expect(applied).toHaveLength(network.hidden);
  const target = join(await scratchFolder(), "model.json");
  await saveModel(graph, target);
  return { before, after: await load(target), graph, file: target };
}

function classNames(model: layers.LayersModel): string[] {
  return model.layers.flatMap((layer) =>
    "layers" in layer ? classNames(layer as layers.LayersModel) : [layer.getClassName()],
  );
}

describe.each(plainNetworks())("$name", (network) => {
  test.each(["before", "after"])(
    "gets BatchNorms %s its activations that leave its function as it is",
    async (place) => {
      const { before, after, file } = await written(network, insertBatchNorm, { place });
      const inputs = network.inputs();
      const difference = relativeDifference(runLayers(after, inputs), runLayers(before, inputs));
      expect(difference).toBeLessThan(TOLERANCE);
      const count = (name: string) => classNames(after).filter((each) => each === name).length;
      expect(count("BatchNormalization")).toBe(network.hidden);
      // A layer that is called twice has an Activation behind each of its calls.
      expect(count("Activation")).toBe(place === "before" ? network.hidden : 0);
      const copy = join(await scratchFolder(), "copy.json");
      await saveModel(await readModel(file), copy);
      expect(await readFile(copy, "utf8")).toBe(await readFile(file, "utf8"));
    },
  );

  test("gets fresh BatchNorms in place of biases", async () => {
    const { after, graph } = await written(network, insertBatchNorm, {
      mode: "fresh",
      epsilon: 0.001,
    });
    const inputs = network.inputs();
    expect(
      relativeDifference(runLayers(after, inputs), await runGraph(graph, inputs)),
    ).toBeLessThan(TOLERANCE);
    const norms = after.layers.filter((layer) => layer.getClassName() === "BatchNormalization");
    for (const layer of norms) {
      expect(layer.getConfig()).toMatchObject({ axis: -1, epsilon: 0.001, momentum: 0.9 });
    }
  });

  test("gets Dropouts", async () => {
    const { before, after } = await written(network, insertDropout, { rate: 0.3 });
    const inputs = network.inputs();
    expect(relativeDifference(runLayers(after, inputs), runLayers(before, inputs))).toBe(0);
    const dropouts = after.layers.filter((layer) => layer.getClassName() === "Dropout");
    for (const layer of dropouts) expect(layer.getConfig()).toMatchObject({ rate: 0.3 });
    expect(classNames(after).filter((name) => name === "Dropout")).toHaveLength(network.hidden);
  });

  test("has no layer for a mean-only BatchNorm", async () => {
    await expect(written(network, insertMeanOnlyBatchNorm)).rejects.toThrow(
      /stands for mean only batch norm, for which layers have no place; write it as .onnx/,
    );
  });
});

test("new layers get names that nothing else has, in nested models too", async () => {
  const network = plainNetworks()[2] as typeof plainNetworks extends () => (infer N)[] ? N : never;
  const { after } = await written(network, insertDropout);
  const inner = after.getLayer("encoder") as unknown as layers.LayersModel;
  expect(inner.layers.map(({ name }) => name)).toEqual([
    "inner_a",
    "inner_a_activation_dropout",
    "inner_b",
    "inner_b_activation_dropout",
  ]);
  expect(after.layers.map(({ name }) => name).filter((name) => /dropout/.test(name))).toEqual([
    "shared_activation_dropout",
    "shared_activation_1_dropout",
  ]);
});
