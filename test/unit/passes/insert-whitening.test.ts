import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Dataset, MemoryDataset } from "../../../src/data/dataset.ts";
import { seededRandom } from "../../../src/data/random.ts";
import { applyPass } from "../../../src/engine/apply-pass.ts";
import { certify } from "../../../src/engine/certificate/certificate.ts";
import { sampleRuns } from "../../../src/engine/sample-runs.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { nodeRole } from "../../../src/graph/node-role.ts";
import { readFloat64, roundedTensor } from "../../../src/graph/numbers.ts";
import { elementCount, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { insertWhitening } from "../../../src/passes/insert-whitening.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import type { PassResult } from "../../../src/passes/pass.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { ChannelCovariance } from "../../../src/statistics/channel-covariance.ts";
import { SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { LayerGraph, nodeNamed, operatorsOf, perceptron } from "./layer-graphs.ts";

const runtime = await loadRuntime();

/** Samples whose features depend on each other and lie around 3. */
function correlated(sampleShape: readonly number[], count = 200): MemoryDataset {
  const random = seededRandom(9, "correlated");
  const size = elementCount(sampleShape);
  const features = new Float32Array(count * size);
  for (let sample = 0; sample < count; sample++) {
    let previous = random.normal();
    for (let feature = 0; feature < size; feature++) {
      previous = 0.8 * previous + random.normal();
      features[sample * size + feature] = 3 + previous;
    }
  }
  return { name: "correlated", count, sampleShape, features };
}

function whiten(graph: Graph, data: Dataset, given = {}, sites?: readonly string[]) {
  const options = checkedOptions(insertWhitening, given);
  const samples = sampleRuns(data, undefined, context);
  return insertWhitening.applyOnData?.(graph, sites, options, samples) as Promise<PassResult>;
}

function certified(before: Graph, { graph, siteOutputs }: PassResult) {
  return certify({ before, after: graph, siteOutputs, reconditioned: true, runtime });
}

/** The covariance of a value of a graph on the data. */
async function covarianceOf(graph: Graph, value: string, data: Dataset, features: number) {
  const covariance = new ChannelCovariance(features);
  await sampleRuns(data, undefined, context).run(graph, [value], (batch) => {
    const { dims, data: values } = batch.values.get(value) as {
      dims: number[];
      data: Float32Array;
    };
    covariance.add(dims, values);
  });
  return covariance.result();
}

/** conv of 3 channels with everything that has to be minded: padding, strides, dilations, a bias. */
function convolution(dataType: DataType = DataType.FLOAT, attributes = {}, opset = 17): Graph {
  const layers = new LayerGraph(dataType);
  const weight = layers.tensor("w", [5, 3, 3, 3]);
  layers.node("Conv", ["x", weight, layers.tensor("b", [5])], "conv", { attributes });
  return layers.graph(["N", 3, 8, 8], { conv: ["N", 5, "H", "W"] }, opset);
}

describe("mode fold keeps the function and whitens what the layer reads", () => {
  test("a Gemm: the features have covariance 1 and mean 0", async () => {
    const [graph, data] = [perceptron(), correlated([6])];
    const result = await whiten(withBatch(graph), data, { epsilon: 1e-9 });
    expect(verify(result.graph)).toEqual([]);
    expect(operatorsOf(result.graph)).toEqual(["Gemm", "Gemm", "Relu", "Gemm"]);
    const node = nodeNamed(result.graph, "fc1_whitening");
    expect(nodeRole(node)).toBe("whitening");
    const { matrix, mean } = await covarianceOf(result.graph, node.output[0] ?? "", data, 6);
    // The weights are rounded to float32, the eigenvalues moved by a share of 1e-9.
    for (const [at, value] of matrix.entries()) {
      expect(Math.abs(value - (at % 7 === 0 ? 1 : 0))).toBeLessThan(1e-5);
    }
    for (const value of mean) expect(Math.abs(value)).toBeLessThan(1e-5);
    const certificate = await certified(withBatch(graph), result);
    expect(certificate.sentence).toMatch(/^Same function/);
  });

  test.each([
    ["without padding", {}],
    ["with padding on one side more", { pads: { ints: [1, 0, 2, 1] } }],
    ["with strides and dilations", { strides: { ints: [2, 1] }, dilations: { ints: [1, 2] } }],
    ["with auto_pad", { auto_pad: { string: "SAME_LOWER" }, strides: { ints: [2, 2] } }],
  ])("a Conv %s", async (_, attributes) => {
    const [graph, data] = [convolution(DataType.FLOAT, attributes), correlated([3, 8, 8], 20)];
    const result = await whiten(graph, data);
    expect(verify(result.graph)).toEqual([]);
    expect((await certified(graph, result)).sentence).toMatch(/^Same function/);
    const { output } = nodeNamed(result.graph, "conv_whitening");
    expect(output).toEqual(nodeNamed(result.graph, "conv").input.slice(0, 1));
  });

  test("a Pad of an operator set that has its sizes as an attribute", async () => {
    const graph = convolution(DataType.FLOAT, { pads: { ints: [1, 1, 1, 1] } }, 10);
    const result = await whiten(graph, correlated([3, 8, 8], 20));
    expect(verify(result.graph)).toEqual([]);
    expect((await certified(graph, result)).sentence).toMatch(/^Same function/);
  });

  test("Gemm forms: transposed weight, alpha, beta, a scalar bias; MatMul becomes a Gemm", async () => {
    const layers = new LayerGraph();
    const attributes = { transB: { int: 1 }, alpha: { float: 0.5 }, beta: { float: 3 } };
    const inputs = ["x", layers.tensor("w1", [5, 6]), layers.tensor("b1", [1])];
    const hidden = layers.node("Gemm", inputs, "fc1", { attributes });
    layers.node("MatMul", [hidden, layers.tensor("w2", [5, 4])], "mm");
    const graph = layers.graph(["N", 6], { mm: ["N", 4] });
    const result = await whiten(graph, correlated([6]), { layers: "all" });
    expect(result.applied.map(({ node }) => node)).toEqual(["fc1", "mm"]);
    expect(operatorsOf(result.graph)).toEqual(["Gemm", "Gemm", "Gemm", "Gemm"]);
    expect(verify(result.graph)).toEqual([]);
    expect((await certified(graph, result)).sentence).toMatch(/^Same function/);
  });

  test.each(["digits-mlp", "digits-cnn"])(
    "every layer of %s, with its certificate",
    async (name) => {
      const graph = await readModel(join(SAMPLES, `${name}.onnx`));
      const request = { pass: "insert-whitening", options: { layers: "all" }, verify: true };
      const { report } = await applyPass(graph, { ...request, data: "digits" }, context);
      expect(report.applied).toHaveLength(4);
      expect(report.certificate?.sentence).toMatch(/^Same function/);
      expect(report.tables?.[0]?.rows).toHaveLength(4);
    },
  );
});

describe("the certificate is of use where the form is conditioned otherwise", () => {
  const mistakes: readonly (readonly [string, string, (values: Float64Array) => void])[] = [
    [
      "a unit that is off by 1 %",
      "w1",
      (w) => {
        for (let k = 0; k < 6; k++) w[k * 5] = (w[k * 5] as number) * 1.01;
      },
    ],
    ["a mean that is not added again", "b1", (b) => b.fill(0)],
    [
      "one mixed up pair of features",
      "fc1_whitening.weight",
      // The matrix is symmetric, so swapping across the diagonal would change nothing.
      (p) => p.subarray(0, 2).reverse(),
    ],
  ];
  test.each(mistakes)("%s fails it", async (_, name, spoil) => {
    const graph = withBatch(perceptron());
    const result = await whiten(graph, correlated([6]));
    const tensor = result.graph.initializers.get(name) as Tensor;
    const values = readFloat64(tensor);
    spoil(values);
    const wrong = roundedTensor(name, tensor.dims, tensor.dataType, values);
    const initializers = new Map(result.graph.initializers).set(name, wrong);
    const spoilt = { ...result, graph: { ...result.graph, initializers } };
    const certificate = await certified(graph, spoilt);
    expect(certificate.sentence).toMatch(/^Not the same function: the result of fc1/);
  });
});

describe("mode keep", () => {
  test("leaves the layer as it is, measures behind the whitening before, and says so", async () => {
    const graph = withBatch(perceptron());
    const result = await whiten(graph, correlated([6]), { mode: "keep", layers: "all" });
    expect(result.graph.initializers.get("w1")).toBe(graph.initializers.get("w1"));
    expect(result.statement).toBe(
      "The input of 2 layers is whitened and the weights are as they were, so the function is another: the model is to be trained.",
    );
    const { output } = nodeNamed(result.graph, "fc2_whitening");
    const { matrix } = await covarianceOf(result.graph, output[0] ?? "", correlated([6]), 5);
    for (let k = 0; k < 5; k++) expect(matrix[k * 6]).toBeCloseTo(1, 2);
    expect(insertWhitening.preserves({ mode: "keep" })).toBe("nothing");
  });

  test("whitens before a grouped Conv, which fold cannot", async () => {
    const layers = new LayerGraph();
    const attributes = { group: { int: 3 } };
    layers.node("Conv", ["x", layers.tensor("w", [6, 1, 3, 3])], "conv", { attributes });
    const graph = layers.graph(["N", 3, 8, 8], { conv: ["N", 6, 6, 6] });
    const data = correlated([3, 8, 8], 20);
    expect((await whiten(graph, data)).skipped).toEqual([
      {
        node: "conv",
        reason:
          "Conv conv keeps its input channels apart in 3 groups, so it cannot undo what whitening mixes.",
      },
    ]);
    expect((await whiten(graph, data, { mode: "keep" })).applied).toHaveLength(1);
  });
});

describe("which layers", () => {
  test("the first, all, those named, or the sites", async () => {
    const [graph, data] = [withBatch(perceptron()), correlated([6])];
    const nodes = async (given: object, sites?: readonly string[]) =>
      (await whiten(graph, data, given, sites)).applied.map(({ node }) => node);
    expect(await nodes({})).toEqual(["fc1"]);
    expect(await nodes({ layers: "all" })).toEqual(["fc1", "fc2"]);
    expect(await nodes({ layers: "fc2" })).toEqual(["fc2"]);
    expect(await nodes({ layers: "fc2, fc1" })).toEqual(["fc1", "fc2"]);
    expect(await nodes({}, ["fc2"])).toEqual(["fc2"]);
    await expect(nodes({ layers: "fc9" })).rejects.toThrow(
      "insert-whitening: fc9 is not one of the model's sites; there are: fc1, fc2",
    );
  });

  test("a whitening node is none", async () => {
    const result = await whiten(withBatch(perceptron()), correlated([6]), { layers: "all" });
    const sites = insertWhitening.find(result.graph, checkedOptions(insertWhitening, {}));
    expect(sites.map(({ id }) => id)).toEqual(["fc1", "fc2"]);
  });
});

describe("data that gives no covariance is refused in a sentence", () => {
  const graph = withBatch(perceptron());
  const changed = (change: (features: Float32Array) => void, count = 200) => {
    const data = correlated([6], count);
    change(data.features);
    return data;
  };

  test.each([
    [
      "as many samples as features",
      changed(() => undefined, 6),
      {},
      "6 features and 6 samples; the covariance of 6 features needs more than 6",
    ],
    ["no samples", { ...correlated([6], 1), count: 0 }, {}, "6 features and 0 samples"],
    ["NaN", changed((x) => x.fill(Number.NaN, 8, 9)), {}, "value x is NaN or infinite in feature"],
    ["one value", changed((x) => x.fill(2)), {}, "is the same in every sample"],
    [
      "a constant feature and no epsilon",
      changed((x) => {
        for (let k = 0; k < x.length; k += 6) x[k] = 1;
      }),
      { epsilon: 0 },
      "an epsilon above 0 is needed",
    ],
  ] as const)("%s", async (_, data, given, message) => {
    await expect(whiten(graph, data, given)).rejects.toThrow(message);
  });

  test("no data at all", () => {
    expect(() => insertWhitening.apply(graph, undefined, {})).toThrow("data to measure");
  });

  test("numbers that float16 cannot hold leave the layer alone", async () => {
    const half = new LayerGraph(DataType.FLOAT16);
    half.node("Cast", ["x"], "h", { attributes: { to: { int: DataType.FLOAT16 } } });
    half.node("Gemm", ["h", half.tensor("w", [6, 5])], "fc");
    const built = half.graph(["N", 6], { fc: ["N", 5] });
    const input = withBatch(perceptron()).inputs;
    const tiny = correlated([6]);
    for (const [k, value] of tiny.features.entries()) tiny.features[k] = value * 1e-6;
    const result = await whiten({ ...built, inputs: input }, tiny);
    expect(result.applied).toEqual([]);
    expect(result.skipped[0]?.reason).toMatch(/would have to store .* which float16 cannot hold/);
  });
});

/** The perceptron with any number of samples a batch. */
function withBatch(graph: Graph): Graph {
  const open = new LayerGraph().graph(["N", 6], { fc2: ["N", 3] });
  return { ...graph, inputs: open.inputs, outputs: open.outputs };
}
