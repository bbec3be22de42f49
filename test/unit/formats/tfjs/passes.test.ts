import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { openSampleRuns } from "../../../../src/engine/sample-runs.ts";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { checkedOptions } from "../../../../src/passes/options.ts";
import { PASSES } from "../../../../src/passes/registry.ts";
import { context } from "../../../support/request-context.ts";
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

type Options = Readonly<Record<string, string | number | boolean>>;

interface Case {
  readonly pass: string;
  readonly options?: Options;
  /** How many places the pass acts on, in the Sequential and in the functional model. */
  readonly places?: readonly [number, number];
  /** Why layers cannot say the result. */
  readonly refused?: RegExp;
}

/** Every pass, and each way of its that writes something else. */
const CASES: readonly Case[] = [
  { pass: "fold-batch-norm", places: [1, 1] },
  { pass: "batch-norm-to-affine", refused: /layer bn: its BatchNormalization became a Add/ },
  { pass: "switch-to-inference", places: [0, 0] },
  { pass: "merge-normalization-affine", places: [1, 1] },
  { pass: "drop-redundant-bias", places: [1, 1] },
  { pass: "insert-whitening", refused: /stands for whitening, for which layers have no place/ },
  { pass: "insert-batch-norm", places: [2, 2] },
  { pass: "insert-batch-norm", options: { place: "after" }, places: [2, 2] },
  { pass: "insert-batch-norm", options: { mode: "fresh" }, places: [2, 2] },
  { pass: "insert-batch-norm", options: { mode: "calibrated" }, places: [2, 2] },
  { pass: "recalibrate-batch-norm", places: [1, 1] },
  { pass: "insert-dropout", places: [2, 2] },
  { pass: "strip-dropout", places: [1, 1] },
  { pass: "switch-dropout-to-inference", places: [0, 0] },
  { pass: "rescale-dropout", places: [1, 1] },
  { pass: "insert-variational-dropout", refused: /stands for variational dropout/ },
  { pass: "prune-variational-dropout", places: [0, 0] },
  { pass: "insert-mean-only-batch-norm", refused: /stands for mean only batch norm/ },
  { pass: "fold-mean-only-batch-norm", places: [0, 0] },
  { pass: "apply-weight-norm", places: [4, 4] },
  { pass: "remove-weight-norm", places: [0, 0] },
  { pass: "project-max-norm", options: { limit: 0.1 }, places: [4, 4] },
  { pass: "prune-magnitude", places: [4, 4] },
  {
    pass: "prune-magnitude",
    options: { structure: "channels", scope: "layer" },
    places: [2, 2],
  },
];

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

const samples = openSampleRuns("digits", context);

test("every pass is in the table", () => {
  expect([...new Set(CASES.map(({ pass }) => pass))]).toEqual(PASSES.map(({ id }) => id));
});

for (const [position, kind] of ["Sequential", "functional"].entries()) {
  test.each(CASES)(`$pass $options on a ${kind} model`, async (each) => {
    const before = model(kind === "functional");
    scramble(before);
    const pass = PASSES.find(({ id }) => id === each.pass) as (typeof PASSES)[number];
    const graph = await readModel(await save(before));
    const options = checkedOptions(pass, { ...each.options });
    const result = pass.applyOnData
      ? await pass.applyOnData(graph, undefined, options, await samples)
      : pass.apply(graph, undefined, options);
    const target = join(await scratchFolder(), "model.json");
    if (each.refused !== undefined) {
      expect(result.applied.length).toBeGreaterThan(0);
      await expect(saveModel(result.graph, target)).rejects.toThrow(each.refused);
      await expect(saveModel(result.graph, target)).rejects.toThrow(/write it as \.onnx/);
      expect(await readdir(dirname(target))).toEqual([]);
      return;
    }
    expect(result.applied).toHaveLength(each.places?.[position] ?? -1);
    await saveModel(result.graph, target);
    const inputs = [randomInput([3, 8, 8, 1])];
    const found = runLayers(await load(target), inputs);
    expect(relativeDifference(found, await runGraph(result.graph, inputs))).toBeLessThan(TOLERANCE);
  });
}
