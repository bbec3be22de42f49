import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { applyPass } from "../../../src/engine/apply-pass.ts";
import { openSampleRuns } from "../../../src/engine/sample-runs.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { makeAttribute } from "../../../src/graph/attributes.ts";
import { changeNode } from "../../../src/graph/edit.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { levelsOf } from "../../../src/passes/batch-norm-levels.ts";
import { isBatchNormalization } from "../../../src/passes/batch-normalization.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { recalibrateBatchNorm } from "../../../src/passes/recalibrate-batch-norm.ts";
import type { SampleRuns } from "../../../src/passes/sample-runs.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { openInMemory } from "../../support/memory-dataset.ts";
import { FIXTURES, SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { untyped } from "../operators/step-harness.ts";
import { LayerGraph, nodeNamed, numbersOf } from "./layer-graphs.ts";

const recalibrate = (graph: Graph, options = {}, data = "digits") =>
  applyPass(graph, { pass: recalibrateBatchNorm.id, options, data, verify: true }, context);

/** The same samples, with the values of each run noted. */
function counted(samples: SampleRuns): { samples: SampleRuns; runs: string[][] } {
  const runs: string[][] = [];
  const run: SampleRuns["run"] = (graph, values, visit) => {
    runs.push([...values]);
    return samples.run(graph, values, visit);
  };
  return { samples: { ...samples, run }, runs };
}

/** Mean and population variance of each BatchNorm as ONNX Runtime's training operator has them. */
async function trainedOnOneBatch(graph: Graph) {
  const outputs: string[] = [];
  const nodes = graph.nodes.map((node) => {
    if (!isBatchNormalization(node)) return node;
    const names = [`${node.name}_mean`, `${node.name}_variance`];
    outputs.push(...names);
    return changeNode(node, {
      output: [node.output[0] ?? "", ...names],
      attribute: [
        ...node.attribute.filter(({ name }) => !["training_mode", "momentum"].includes(name)),
        makeAttribute("training_mode", { int: 1 }),
        makeAttribute("momentum", { float: 0 }),
      ],
    });
  });
  const training: Graph = { ...graph, nodes, valueInfo: [], outputs: outputs.map(untyped) };
  const { count, features } = await openInMemory("digits");
  const session = await (await loadRuntime()).createSession(encodeModel(training));
  try {
    const [input] = graph.inputs;
    return await session.run({
      [input?.name ?? ""]: { type: "float32", dims: [count, 1, 8, 8], data: features },
    });
  } finally {
    await session.release();
  }
}

describe("recalibrate-batch-norm", () => {
  /*
   * With all samples as one batch, the network in training mode normalizes each BatchNorm's input
   * with that input's own statistics, the BatchNorms before it included: exactly what sequential
   * recalibration has to find. The two differ by float32 sums over a hundred thousand numbers.
   */
  test.each(["population", "unbiased"])(
    "finds what a training pass over all data as one batch finds (%s variance)",
    async (variance) => {
      const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
      const { graph: changed, report } = await recalibrate(graph, { variance });
      expect(report.certificate).toBeUndefined();
      expect(report.applied.map(({ node }) => node)).toEqual(["bn1", "bn2", "bn3"]);
      const expected = await trainedOnOneBatch(graph);
      for (const [name, positions] of [
        ["bn1", 64],
        ["bn2", 64],
        ["bn3", 16],
      ] as const) {
        const m = 1797 * positions;
        const factor = variance === "unbiased" ? m / (m - 1) : 1;
        const batchNorm = nodeNamed(changed, name);
        const mean = numbersOf(changed, batchNorm.input[3]);
        const found = numbersOf(changed, batchNorm.input[4]);
        const [means, variances] = [`${name}_mean`, `${name}_variance`].map(
          (output) => expected[output]?.data as Float32Array,
        );
        for (const [channel, value] of mean.entries()) {
          const deviation = Math.sqrt(found[channel] as number);
          const difference = Math.abs(value - (means?.[channel] as number));
          expect(difference / deviation).toBeLessThan(1e-4);
          const ratio = (found[channel] as number) / ((variances?.[channel] as number) * factor);
          expect(Math.abs(ratio - 1)).toBeLessThan(1e-4);
        }
      }
      expect(report.tables?.[0]?.rows).toHaveLength(16 + 32 + 64);
      expect(report.statement).toMatch(
        /^The statistics are those of 1797 samples of digits\. At most/,
      );
    },
  );

  test("once done, there is nothing left to change, and everything else stays", async () => {
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    const once = (await recalibrate(graph)).graph;
    expect(verify(once)).toEqual([]);
    const twice = await recalibrate(once);
    for (const row of twice.report.tables?.[0]?.rows ?? []) {
      expect(Number(row[6])).toBeLessThan(1e-5);
      expect(Math.abs(Number(row[7]))).toBeLessThan(1e-5);
    }
    expect(once.nodes.map(({ name }) => name)).toEqual(graph.nodes.map(({ name }) => name));
    for (const [name, tensor] of graph.initializers) {
      if (/running|mean|var/.test(name)) continue;
      expect(once.initializers.get(name)).toBe(tensor);
    }
  });

  test("statistics that several BatchNorms share become each one's own", async () => {
    const layers = new LayerGraph();
    for (const name of ["gamma", "beta", "mean"]) layers.tensor(name, [64]);
    layers.builder.addInitializer(float32Tensor("variance", [64], new Float32Array(64).fill(1)));
    const parameters = ["gamma", "beta", "mean", "variance"];
    const squared = layers.node("Mul", ["x", "x"], "squared");
    const positive = layers.node("Abs", ["x"], "positive");
    const first = layers.node("BatchNormalization", [squared, ...parameters], "first");
    const second = layers.node("BatchNormalization", [positive, ...parameters], "second");
    layers.node("Add", [first, second], "y");
    const graph = layers.graph(["N", 64], { y: ["N", 64] });
    const { samples, runs } = counted(await openSampleRuns("digits", context));
    const result = await recalibrateBatchNorm.applyOnData?.(
      graph,
      undefined,
      checkedOptions(recalibrateBatchNorm),
      samples,
    );
    expect(runs).toEqual([["squared", "positive"]]);
    const changed = result?.graph as Graph;
    expect(verify(changed)).toEqual([]);
    const [a, b] = [nodeNamed(changed, "first"), nodeNamed(changed, "second")];
    expect(a.input.slice(0, 3)).toEqual(["squared", "gamma", "beta"]);
    expect(new Set([...a.input.slice(3), ...b.input.slice(3)]).size).toBe(4);
    const { features, count } = await openInMemory("digits");
    const pixel = Float64Array.from(
      { length: count },
      (_, row) => features[row * 64 + 20] as number,
    );
    const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / count;
    expect(numbersOf(changed, a.input[3])[20]).toBeCloseTo(
      mean(pixel.map((value) => value ** 2)),
      5,
    );
    expect(numbersOf(changed, b.input[3])[20]).toBeCloseTo(mean(pixel), 5);
  });

  test("chosen sites alone; what trains or has no data is refused", async () => {
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    const request = { pass: recalibrateBatchNorm.id, data: "digits", verify: true, options: {} };
    const { graph: changed } = await applyPass(graph, { ...request, sites: ["bn2"] }, context);
    const own = (name: string) =>
      [graph, changed].map((each) => each.initializers.get(nodeNamed(each, name).input[3] ?? ""));
    expect(own("bn1")[0]).toBe(own("bn1")[1]);
    expect(own("bn2")[0]).not.toBe(own("bn2")[1]);
    await expect(applyPass(graph, { ...request, sites: ["bn9"] }, context)).rejects.toThrow("bn9");
    const { data: _, ...without } = request;
    await expect(applyPass(graph, without, context)).rejects.toThrow(
      "data to measure on is needed",
    );
    const training = await readModel(join(FIXTURES, "training-mode.onnx"));
    const site = recalibrateBatchNorm.find(training, {})[0];
    expect(site?.applicable === false && site.reason).toContain("is in training mode");
  });

  test("statistics that were no numbers are replaced, and named as they were", async () => {
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    const name = nodeNamed(graph, "bn3").input[4] ?? "";
    const variance = Float32Array.from(numbersOf(graph, name));
    variance[5] = Number.NaN;
    variance[7] = -2;
    const tensor = float32Tensor(name, [variance.length], variance);
    const broken = { ...graph, initializers: new Map(graph.initializers).set(name, tensor) };
    const whole = await recalibrate(graph);
    const { graph: mended, report } = await recalibrate(broken);
    expect(numbersOf(mended, name)).toEqual(numbersOf(whole.graph, name));
    expect(report.statement).toMatch(
      /a variance by a factor of [\d.]+ \(bn\d, channel \d+\), and in 2 channels by no number at all: bn3, channel 5 had a mean of -?[\d.]+ and a variance of NaN\.$/,
    );
  });

  test("a network is measured in as many runs as it is deep", async () => {
    const graph = await readModel(join(SAMPLES, "narrow-resnet.onnx"));
    const batchNorms = graph.nodes.filter(isBatchNormalization);
    const levels = levelsOf(graph, new Set(batchNorms));
    expect(batchNorms).toHaveLength(13);
    // Four blocks of two on the stem; each of the four shortcuts stands beside its block's first.
    expect(levels.map((level) => level.length)).toEqual([1, 2, 1, 2, 1, 2, 1, 2, 1]);
    const flat = levels.flat();
    expect(new Set(flat)).toEqual(new Set(batchNorms));
  });
});
