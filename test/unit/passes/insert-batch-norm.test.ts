import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { applyPass } from "../../../src/engine/apply-pass.ts";
import { certify } from "../../../src/engine/certificate/certificate.ts";
import { openSampleRuns } from "../../../src/engine/sample-runs.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { saveModel } from "../../../src/formats/onnx/write.ts";
import { constantValue } from "../../../src/graph/constants.ts";
import { DataType, isFloatingPoint } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { insertBatchNorm } from "../../../src/passes/insert-batch-norm.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { committedModels, FIXTURES, SAMPLES, temporaryFolder } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { differenceInRuntime } from "./equivalence.ts";
import { LayerGraph, nodeNamed, numbersOf, operatorsOf, perceptron } from "./layer-graphs.ts";

const insert = (graph: Graph, given = {}, sites?: readonly string[]) =>
  insertBatchNorm.apply(graph, sites, checkedOptions(insertBatchNorm, given));

const reasonFor = (graph: Graph, id: string, given = {}) =>
  insertBatchNorm
    .find(graph, checkedOptions(insertBatchNorm, given))
    .flatMap((site) => (site.id === id && !site.applicable ? [site.reason] : []))[0];

/** Layers whose number is the first argument, from "x" on; each returns the last value. */
const LONG_GRAPHS: Readonly<Record<string, (layers: LayerGraph, count: number) => string>> = {
  "a chain of Conv and Relu": (layers, count) => {
    let value = "x";
    for (let k = 0; k < count; k++) {
      const conv = layers.node("Conv", [value, "w"], `conv${k}`);
      value = layers.node("Relu", [conv], `relu${k}`);
    }
    return value;
  },
  "layers that all end in one value, with a reader each": (layers, count) => {
    const names = Array.from({ length: count }, (_, k) => `conv${k}`);
    for (const name of names) layers.node("Conv", ["x", "w"], name);
    const all = layers.node("Concat", names, "all", { attributes: { axis: { int: 1 } } });
    for (const name of names) layers.node("Identity", [all], `copy of ${name}`);
    return all;
  },
};

test.each(Object.entries(LONG_GRAPHS))(
  "sites of %s with 80,000 nodes are found in linear time",
  (_, build) => {
    const layers = new LayerGraph();
    layers.tensor("w", [2, 2, 1, 1]);
    const last = build(layers, 40_000);
    const graph = layers.graph(["N", 2, 8, 8], { [last]: ["N", "C", 8, 8] });
    const start = process.cpuUsage().user;
    const sites = insertBatchNorm.find(graph, checkedOptions(insertBatchNorm, {}));
    const seconds = (process.cpuUsage().user - start) / 1e6;
    expect(sites).toHaveLength(40_000);
    // About 0.7 s of one core; squared time is minutes.
    expect(seconds).toBeLessThan(8);
  },
  60_000,
);

describe("where BatchNorm goes", () => {
  test("before the nonlinearity, which goes on reading the same name", () => {
    const { graph, applied, skipped } = insert(perceptron());
    expect(verify(graph)).toEqual([]);
    expect(operatorsOf(graph)).toEqual(["Gemm", "BatchNormalization", "Relu", "Gemm"]);
    expect(applied).toEqual([{ node: "fc1", into: "fc1_norm" }]);
    expect(nodeNamed(graph, "fc1_norm").output).toEqual(["fc1"]);
    expect(nodeNamed(graph, "relu").input).toEqual(["fc1"]);
    expect(skipped).toEqual([
      {
        node: "fc2",
        reason:
          "No nonlinearity follows Gemm fc2; the option outputLayer normalizes it all the same.",
      },
    ]);
  });

  test("after it, behind the last layer too, and at chosen sites alone", () => {
    const after = insert(perceptron(), { place: "after" }).graph;
    expect(operatorsOf(after)).toEqual(["Gemm", "Relu", "BatchNormalization", "Gemm"]);
    const last = insert(perceptron(), { outputLayer: true }, ["fc2"]).graph;
    expect(operatorsOf(last)).toEqual(["Gemm", "Relu", "Gemm", "BatchNormalization"]);
    expect(last.outputs).toEqual(perceptron().outputs);
    expect(() => insert(perceptron(), {}, ["fc3"])).toThrow("fc3 is not one of the model's sites");
  });

  test("behind the Add that is a MatMul's bias; in front of every reader of a gate", async () => {
    const layers = new LayerGraph();
    const product = layers.node("MatMul", ["x", layers.tensor("w", [6, 5])], "product");
    const sum = layers.node("Add", [layers.tensor("b", [5]), product], "sum");
    const gate = layers.node("Sigmoid", [sum], "gate");
    layers.node("Mul", [sum, gate], "swish");
    const graph = layers.graph([4, 6], { swish: [4, 5] });
    const { graph: inserted } = insert(graph);
    expect(operatorsOf(inserted)).toEqual([
      "MatMul",
      "Add",
      "BatchNormalization",
      "Sigmoid",
      "Mul",
    ]);
    expect(await differenceInRuntime(graph, inserted)).toBe(0);
    const fresh = insert(graph, { mode: "fresh" }).graph;
    expect(operatorsOf(fresh)).toEqual(["MatMul", "BatchNormalization", "Sigmoid", "Mul"]);
    expect(reasonFor(graph, "product", { place: "after" })).toContain("alone reads sum");
  });

  test("not where a layer is normalized already, of tokens, or has no stored weight", () => {
    const twice = insert(perceptron()).graph;
    expect(reasonFor(twice, "fc1")).toBe(
      "Gemm fc1 is followed by BatchNormalization fc1_norm already.",
    );
    const behind = insert(perceptron(), { place: "after" }).graph;
    expect(reasonFor(behind, "fc1")).toContain("BatchNormalization fc1_norm already");
    const tokens = new LayerGraph();
    const first = tokens.node("MatMul", ["x", tokens.tensor("w", [6, 6])], "keys");
    tokens.node("Relu", [tokens.node("MatMul", [first, "x"], "scores")], "relu");
    const graph = tokens.graph([2, 6, 6], { relu: [2, 6, 6] });
    expect(reasonFor(graph, "keys")).toBe(
      "The result of MatMul keys has 3 dimensions [2, 6, 6], and its features are not along axis 1.",
    );
    expect(reasonFor(graph, "scores")).toBe(
      "Both operands of MatMul scores, keys and x, depend on the model's input.",
    );
    const left = new LayerGraph();
    left.node("Relu", [left.node("MatMul", [left.tensor("w", [3, 4]), "x"], "left")], "relu");
    expect(reasonFor(left.graph([4, 6], { relu: [3, 6] }), "left")).toContain("left operand");
  });
});

describe("numbers", () => {
  test.each([DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16])(
    "an exact BatchNorm of type %i keeps the function and the type",
    async (dataType) => {
      const graph = perceptron(dataType);
      for (const epsilon of [1e-12, 1e-5, 1e-3, 0.5]) {
        const { graph: inserted } = insert(graph, { epsilon });
        expect(verify(inserted)).toEqual([]);
        const [, ...parameters] = nodeNamed(inserted, "fc1_norm").input;
        for (const name of parameters) {
          expect(inserted.initializers.get(name)?.dataType).toBe(dataType);
        }
        expect(await differenceInRuntime(graph, inserted)).toBeLessThanOrEqual(1);
      }
    },
  );

  test("a fresh one takes the bias away where nobody else reads it", () => {
    const graph = perceptron();
    const { graph: fresh, statement } = insert(graph, { mode: "fresh" });
    expect(nodeNamed(fresh, "fc1").input).toEqual(["x", "w1"]);
    expect(fresh.initializers.has("b1")).toBe(false);
    const [, ...parameters] = nodeNamed(fresh, "fc1_norm").input;
    expect(parameters.map((name) => [...numbersOf(fresh, name)][4])).toEqual([1, 0, 0, 1]);
    expect(statement).toContain("1 bias that it makes redundant is gone");
    expect(insertBatchNorm.preserves({ mode: "fresh" })).toBe("nothing");
    const after = insert(graph, { mode: "fresh", place: "after" }).graph;
    expect(after.initializers.has("b1")).toBe(true);
    const shared = new LayerGraph();
    const bias = shared.tensor("b", [5]);
    const first = shared.node("Gemm", ["x", shared.tensor("w1", [6, 5]), bias], "first");
    const bent = shared.node("Relu", [first], "relu");
    shared.node("Gemm", [bent, shared.tensor("w2", [5, 5]), bias], "second");
    const tied = insert(shared.graph([4, 6], { second: [4, 5] }), { mode: "fresh" }).graph;
    expect(nodeNamed(tied, "first").input).toEqual(["x", "w1"]);
    expect(nodeNamed(tied, "second").input[2]).toBe("b");
    expect(tied.initializers.has("b")).toBe(true);
  });

  test("means that are taken away and added again count as rounding, and nothing else does", async () => {
    // Its layers begin without biases: on zeros, γ·(0 − μ)/√(σ² + ε) + β is rounding beside nothing.
    const before = await readModel(join(FIXTURES, "shared-start.onnx"));
    const runtime = await loadRuntime();
    const options = checkedOptions(insertBatchNorm, { mode: "calibrated" });
    const samples = await openSampleRuns("digits", context);
    const result = await insertBatchNorm.applyOnData?.(before, undefined, options, samples);
    if (result === undefined) throw new Error("the pass measures");
    const { graph: after, siteOutputs, reconditions: reconditioned = false } = result;
    const request = { before, siteOutputs, reconditioned, runtime };
    expect((await certify({ ...request, after })).sentence).toMatch(/^Same function/);
    for (const parameter of [1, 2]) {
      const name = nodeNamed(after, "/hidden/Gemm_norm").input[parameter] ?? "";
      const values = numbersOf(after, name).map((value, channel) =>
        channel === 3 ? value * 1.01 : value,
      );
      const tensor = float32Tensor(name, [values.length], Float32Array.from(values));
      const wrong = { ...after, initializers: new Map(after.initializers).set(name, tensor) };
      expect((await certify({ ...request, after: wrong })).pass, name).toBe(false);
    }
  });

  test("a calibrated one stores the data's mean and variance and moves the bias into beta", async () => {
    const graph = await readModel(join(SAMPLES, "digits-mlp.onnx"));
    const request = {
      pass: insertBatchNorm.id,
      options: { mode: "calibrated" },
      data: "digits",
      verify: true,
    };
    const { graph: inserted, report } = await applyPass(graph, request, context);
    expect(report.certificate?.pass).toBe(true);
    const samples = await openSampleRuns("digits", context);
    const columns: number[][] = [];
    await samples.run(graph, ["fc1"], ({ values }) => {
      const { dims, data } = values.get("fc1") ?? { dims: [], data: new Float32Array() };
      for (const [position, value] of data.entries()) {
        const column = position % (dims[1] as number);
        columns[column] ??= [];
        columns[column].push(value);
      }
    });
    const batchNorm = nodeNamed(inserted, "fc1_norm");
    const [, gamma, beta, mean, variance] = batchNorm.input.map((name, position) =>
      position === 0 ? new Float64Array() : numbersOf(inserted, name),
    );
    const bias = numbersOf(graph, nodeNamed(graph, "fc1").input[2]);
    expect(nodeNamed(inserted, "fc1").input).toHaveLength(2);
    for (const [channel, column] of columns.entries()) {
      const average = column.reduce((sum, value) => sum + value, 0) / column.length;
      const squares = column.reduce((sum, value) => sum + (value - average) ** 2, 0);
      // The stored numbers are float32, and the averages are of float32 values.
      expect(mean?.[channel]).toBeCloseTo(average - (bias[channel] as number), 6);
      expect(beta?.[channel]).toBeCloseTo(average, 6);
      expect(variance?.[channel]).toBeCloseTo(squares / (column.length - 1), 6);
      expect(gamma?.[channel]).toBeCloseTo(Math.sqrt((variance?.[channel] as number) + 1e-5), 6);
    }
  });

  test("a constant channel, and data that does not suit", async () => {
    const layers = new LayerGraph();
    const dead = layers.node("Mul", ["x", layers.builder.scalar(0)], "dead");
    const hidden = layers.node(
      "Gemm",
      [dead, layers.tensor("w", [64, 3]), layers.tensor("b", [3])],
      "fc",
    );
    layers.node("Relu", [hidden], "relu");
    const graph = layers.graph(["N", 64], { relu: ["N", 3] });
    const request = { pass: insertBatchNorm.id, options: { mode: "calibrated" }, verify: true };
    const { report } = await applyPass(graph, { ...request, data: "digits" }, context);
    expect(report.certificate?.pass).toBe(true);
    await expect(applyPass(graph, request, context)).rejects.toThrow(
      "data to measure on is needed",
    );
    const samples = { ...(await openSampleRuns("digits", context)), count: 0, name: "none" };
    const options = checkedOptions(insertBatchNorm, request.options);
    await expect(insertBatchNorm.applyOnData?.(graph, undefined, options, samples)).rejects.toThrow(
      "data none: it has no samples",
    );
    const one = (value: number) => ({
      name: "one",
      count: 1,
      run: async (_graph: Graph, values: readonly string[], visit: (batch: never) => void) =>
        visit({
          count: 1,
          values: new Map(
            values.map((name) => [name, { dims: [1, 3], data: Float32Array.of(1, value, 1) }]),
          ),
        } as never),
    });
    await expect(insertBatchNorm.applyOnData?.(graph, undefined, options, one(1))).rejects.toThrow(
      "value fc has one number a channel, which has no unbiased variance",
    );
    await expect(
      insertBatchNorm.applyOnData?.(graph, undefined, options, one(Number.NaN)),
    ).rejects.toThrow("value fc is NaN or infinite in channel 1");
  });
});

describe("inserted and folded again", () => {
  /*
   * The stored variance is within 2⁻²⁵ of 1 − ε, so γ = 1 and γ/√(σ² + ε) is within 2⁻²⁶ of 1: less
   * than half a unit in the last place of any float32.
   */
  test.each(["digits-mlp", "digits-cnn", "narrow-resnet", "narrow-mobilenetv2"])(
    "%s: the weights of the file are the same, bit for bit",
    async (name) => {
      const path = join(await temporaryFolder(), "folded.onnx");
      const source = await readModel(join(SAMPLES, `${name}.onnx`));
      await saveModel(foldBatchNorm.apply(source, undefined, {}).graph, path);
      const folded = await readModel(path);
      for (const epsilon of [1e-5, 1e-3, 0.3]) {
        const inserted = insert(folded, { outputLayer: true, epsilon });
        expect(inserted.skipped).toEqual([]);
        expect(mostUnits(folded, foldBatchNorm.apply(inserted.graph, undefined, {}).graph)).toBe(0);
      }
    },
  );

  test.each(committedModels())("%s: the weights are within one rounding", async (path) => {
    const folded = foldBatchNorm.apply(await readModel(path), undefined, {}).graph;
    const inserted = insert(folded, { outputLayer: true });
    expect(verify(inserted.graph)).toEqual([]);
    if (inserted.applied.length === 0) return;
    const { graph: back, skipped } = foldBatchNorm.apply(inserted.graph, undefined, {});
    // A weight that other operators compute, as weight normalization's, cannot take it up.
    const left = skipped.filter(({ node }) => inserted.applied.some(({ into }) => into === node));
    for (const { reason } of left) expect(reason).toContain("known only at run time");
    if (left.length === 0) expect(mostUnits(folded, back)).toBeLessThanOrEqual(1);
  });
});

/** The most units in the last place that the constants of two graphs of the same nodes differ by. */
function mostUnits(before: Graph, after: Graph): number {
  // An Identity on a constant goes when the layer that read it has got one of its own.
  const computing = ({ nodes }: Graph) => nodes.filter(({ opType }) => opType !== "Identity");
  const others = computing(after);
  expect(others.map(({ opType }) => opType)).toEqual(computing(before).map(({ opType }) => opType));
  const units: number[] = [];
  for (const [position, node] of computing(before).entries()) {
    for (const [input, name] of node.input.entries()) {
      const tensor = constantValue(before, name);
      if (tensor === undefined || !isFloatingPoint(tensor.dataType)) continue;
      const other = constantValue(after, others[position]?.input[input] ?? "");
      units.push(unitsApart(tensor, other as Tensor));
    }
  }
  expect(units.length).toBeGreaterThan(0);
  return Math.max(...units);
}

/** The most units in the last place that two tensors of a type differ by. */
function unitsApart(a: Tensor, b: Tensor): number {
  expect([b.dataType, b.dims]).toEqual([a.dataType, a.dims]);
  const [x, y] = [readFloat64(a), readFloat64(b)];
  const unit =
    { [DataType.FLOAT]: 2 ** -23, [DataType.FLOAT16]: 2 ** -10, [DataType.BFLOAT16]: 2 ** -7 }[
      a.dataType as number
    ] ?? 2 ** -52;
  return x.reduce((most, value, i) => {
    const spacing = unit * 2 ** Math.floor(Math.log2(Math.max(Math.abs(value), 2 ** -14)));
    return Math.max(most, Math.abs(value - (y[i] as number)) / spacing);
  }, 0);
}
