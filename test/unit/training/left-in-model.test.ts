import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { groupShape, modelInputScaling } from "../../../src/data/input-scaling-note.ts";
import { scaledInputs } from "../../../src/data/scale-inputs.ts";
import { layerRules } from "../../../src/engine/layer-rules.ts";
import { modelReport } from "../../../src/engine/model-report.ts";
import { parseModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { readModel } from "../../../src/formats/registry.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { InputScaling } from "../../../src/protocol/training.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { modelStatistics } from "../../../src/training/model-statistics.ts";
import { openTrainingData } from "../../../src/training/open-training-data.ts";
import { openInMemory } from "../../support/memory-dataset.ts";
import { layers, load, save, scramble, scratchFolder } from "../formats/tfjs/tfjs-models.ts";
import { runTraining, SHORT } from "./run-training.ts";

const { layers: make } = layers;

/** Sub and Div in float32 round once each; scaling outside the model rounds once. */
const TOLERANCE = 1e-6;

function network(): layers.LayersModel {
  const model = layers.sequential({ name: "left" });
  model.add(make.conv2d({ filters: 4, kernelSize: 3, inputShape: [8, 8, 1], name: "conv" }));
  model.add(make.batchNormalization({ name: "norm" }));
  model.add(make.reLU({ name: "relu" }));
  model.add(make.flatten({ name: "flat" }));
  model.add(
    make.dense({
      units: 10,
      name: "head",
      kernelRegularizer: layers.regularizers.l1l2({ l1: 0.001, l2: 0.002 }),
    }),
  );
  scramble(model);
  return model;
}

/** The model's first output on the first samples of the digits, as they are or scaled. */
async function outputOn(graph: Graph, scaling?: InputScaling): Promise<Float32Array> {
  const digits = await openInMemory("digits");
  const image = { ...digits, sampleShape: [8, 8, 1] };
  const { features } = scaling === undefined ? image : scaledInputs(image, scaling);
  const session = await (await loadRuntime()).createSession(encodeModel(graph));
  const data = (features as Float32Array).slice(0, 64 * 16);
  const [input, output] = [graph.inputs[0]?.name ?? "", graph.outputs[0]?.name ?? ""];
  const results = await session.run({ [input]: { type: "float32", dims: [16, 8, 8, 1], data } });
  await session.release();
  return results[output]?.data as Float32Array;
}

describe("a model that is trained on scaled inputs", () => {
  const part = { ...SHORT, maxEpochs: 1, weights: "keep", inputScaling: "standardize" } as const;
  let noted: Graph;
  let scaling: InputScaling;
  beforeAll(async () => {
    const graph = await readModel(await save(network()));
    noted = await readModel((await runTraining(graph, part)).result.bestModel);
    scaling = modelInputScaling(noted) as InputScaling;
  });

  test("has a note of how they are scaled, which inspect tells", () => {
    expect(scaling).toEqual({
      subtract: [expect.closeTo(0.305, 2)],
      divide: [expect.closeTo(0.376, 2)],
      groupSize: 1,
    });
    expect(modelReport(noted).inputScaling).toEqual(scaling);
  });

  test("keeps the note once and byte for byte, and takes another one in its place", () => {
    const bytes = encodeModel(noted);
    expect(encodeModel(parseModel(bytes))).toEqual(bytes);
    const other = encodeModel({ ...noted, metadata: new Map([["normlens.input_scaling", "{}"]]) });
    const again = parseModel(other);
    expect([...(again.metadata ?? [])]).toEqual([["normlens.input_scaling", "{}"]]);
    expect(modelInputScaling(again)).toBeUndefined();
    expect(Buffer.from(other).toString("latin1").split("normlens.input_scaling")).toHaveLength(2);
    const none = parseModel(encodeModel({ ...noted, metadata: new Map() }));
    expect(none.metadata).toBeUndefined();
  });

  test("is measured on raw data as it was trained, and trained further so", async () => {
    const runtime = await loadRuntime();
    const statistics = async (graph: Graph) =>
      (await modelStatistics({ graph, data: "digits", runtime, nodes: ["norm"] }))[0];
    const { metadata: _, ...plain } = noted;
    const found = await statistics(noted);
    expect(found?.mean).not.toBeCloseTo(Number((await statistics(plain))?.mean), 2);
    const { data, inputScaling } = await openTrainingData(DEFAULT_TRAINING_CONFIG, noted);
    expect(inputScaling).toEqual(scaling);
    const [first, raw] = [data.features, (await openInMemory("digits")).features] as Float32Array[];
    const [subtract = 0, divide = 1] = [scaling.subtract[0], scaling.divide[0]];
    expect(first?.[2]).toBeCloseTo((Number(raw?.[2]) - subtract) / divide, 6);
  });

  test("scales them itself where that was asked for", async () => {
    const graph = await readModel(await save(network()));
    const { result } = await runTraining(graph, { ...part, intoModel: { inputScaling: true } });
    const whole = await readModel(result.bestModel);
    expect(modelInputScaling(whole)).toBeUndefined();
    expect(whole.nodes.slice(0, 2).map(({ opType }) => opType)).toEqual(["Sub", "Div"]);
    const [found, expected] = [await outputOn(whole), await outputOn(noted, scaling)];
    const scale = Math.max(...expected.map(Math.abs));
    for (const [index, value] of expected.entries()) {
      expect(Math.abs(value - Number(found[index])) / scale).toBeLessThan(TOLERANCE);
    }
  });

  test("is refused before the first step where layers would have to scale", async () => {
    const graph = await readModel(await save(network()));
    const output = join(await scratchFolder(), "model.json");
    await expect(
      runTraining(graph, { ...part, intoModel: { inputScaling: true } }, { output }),
    ).rejects.toThrow(
      "intoModel.inputScaling: nothing is put in front of the layers of model.json; write it as .onnx",
    );
  });
});

test("groups broadcast over the axis that they are", () => {
  const scaling = (groups: number, groupSize: number) => {
    const numbers = new Array<number>(groups).fill(1);
    return { subtract: numbers, divide: numbers, groupSize };
  };
  expect(groupShape(scaling(3, 64), [3, 8, 8])).toEqual([3, 1, 1]);
  expect(groupShape(scaling(3, 1), [8, 8, 3])).toEqual([1, 1, 3]);
  expect(groupShape(scaling(5, 1), [5])).toEqual([5]);
  expect(groupShape(scaling(1, 40), [5, 8])).toEqual([1, 1]);
  expect(groupShape(scaling(4, 1), [5])).toBeUndefined();
});

test("a run's max-norm and penalties become the layers' own, which TensorFlow.js reads", async () => {
  const graph = await readModel(await save(network()));
  const output = join(await scratchFolder(), "model.json");
  const config = { ...SHORT, maxEpochs: 1, l2: 0.01, l1: 0.003, maxNorm: { limit: 0.4 } };
  const intoModel = { constraints: true, regularizers: true };
  await runTraining(graph, { ...config, intoModel }, { output });
  const told = layerRules(await readModel(output)).map(({ node, what, rule }) => [
    node,
    `${what}: ${rule}`,
  ]);
  expect(told).toEqual([
    ["conv", "weight regularizer: 0.003·Σ|w| + 0.005·Σw²"],
    ["conv", "weight constraint: norm at most 0.4 over axes [1, 2, 3]"],
    ["head", "weight regularizer: 0.004·Σ|w| + 0.007·Σw²"],
    ["head", "weight constraint: norm at most 0.4 over axes [0]"],
  ]);
  const [conv] = (await load(output)).layers.filter(({ name }) => name === "conv");
  const { kernelConstraint } = conv as unknown as { kernelConstraint: object };
  expect(kernelConstraint).toMatchObject({ maxValue: 0.4, axis: [0, 1, 2] });
});
