import { join } from "node:path";
import { expect, test } from "vitest";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { PASSES } from "../../../../src/passes/registry.ts";
import { applied, expectRefused, LAYER_CASES } from "../layers/pass-cases.ts";
import {
  layers,
  load,
  randomInput,
  relativeDifference,
  runGraph,
  runLayers,
  save,
  scramble,
  scratchFolder,
} from "./tfjs-models.ts";

const { layers: make } = layers;

/** As in write.test.ts. */
const TOLERANCE = 1e-5;

/** Convolutions with and without a BatchNorm, LayerNormalization, Dropout, and fused activations. */
function stack() {
  return [
    make.conv2d({ filters: 4, kernelSize: 3, name: "conv_a", inputShape: [8, 8, 1] }),
    make.batchNormalization({ name: "bn" }),
    make.reLU({ name: "relu" }),
    make.conv2d({ filters: 6, kernelSize: 3, activation: "relu", name: "conv_b" }),
    make.globalAveragePooling2d({ name: "pool", dataFormat: "channelsLast" }),
    make.layerNormalization({ name: "ln" }),
    make.dense({ units: 8, activation: "tanh", name: "dense_a" }),
    make.dropout({ rate: 0.25, name: "drop" }),
    make.dense({ units: 10, name: "dense_b" }),
  ];
}

function model(functional: boolean): layers.LayersModel {
  if (!functional) return layers.sequential({ name: "chain", layers: stack() });
  const input = layers.input({ shape: [8, 8, 1], name: "image" });
  const output = stack().reduce(
    (value, layer) => layer.apply(value) as layers.SymbolicTensor,
    input,
  );
  return layers.model({ inputs: input, outputs: output, name: "graph" });
}

test("every pass is in the table", () => {
  const known = PASSES.map(({ id }) => id);
  expect([...new Set(LAYER_CASES.map(({ pass }) => pass))]).toEqual(known);
});

for (const kind of ["Sequential", "functional"]) {
  test.each(LAYER_CASES)(`$pass $options on a ${kind} model`, async (each) => {
    const before = model(kind === "functional");
    scramble(before);
    const result = await applied(await readModel(await save(before)), each);
    const target = join(await scratchFolder(), "model.json");
    if (each.refused !== undefined) {
      return expectRefused(result, each.refused, target);
    }
    expect(result.applied).toHaveLength(each.places ?? -1);
    await saveModel(result.graph, target);
    const inputs = [randomInput([3, 8, 8, 1])];
    const found = runLayers(await load(target), inputs);
    expect(relativeDifference(found, await runGraph(result.graph, inputs))).toBeLessThan(TOLERANCE);
  });
}
