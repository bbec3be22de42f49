import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSampleRuns } from "../../../src/engine/sample-runs.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { elementCount, float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { applyWeightNorm } from "../../../src/passes/apply-weight-norm.ts";
import type { SampleRuns } from "../../../src/passes/sample-runs.ts";
import { SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { numbers } from "../operators/step-harness.ts";

const START = { start: "data-dependent" };

async function standardized(graph: Graph, samples: SampleRuns) {
  const apply = applyWeightNorm.applyOnData;
  if (apply === undefined) throw new Error("the pass measures");
  return apply(graph, undefined, START, samples);
}

/** The largest |mean| and |variance − 1| of any channel, in plain two-pass float64. */
async function worstMoments(graph: Graph, samples: SampleRuns, value: string, axis: number) {
  const channels: number[][] = [];
  await samples.run(graph, [value], ({ values }) => {
    const { dims, data } = values.get(value) as { dims: readonly number[]; data: Float32Array };
    const inner = elementCount(dims.slice(axis + 1));
    for (const [position, each] of data.entries()) {
      const channel = Math.floor(position / inner) % (dims[axis] as number);
      channels[channel] ??= [];
      channels[channel].push(each);
    }
  });
  const moments = channels.map((each) => {
    const mean = each.reduce((a, b) => a + b, 0) / each.length;
    const variance = each.reduce((a, b) => a + (b - mean) ** 2, 0) / each.length;
    return [Math.abs(mean), Math.abs(variance - 1)];
  });
  return Math.max(...moments.flat());
}

/** x [N, 6] → (some layers) → y, on made-up samples. */
function made(
  build: (builder: GraphBuilder, tensor: (name: string, dims: number[]) => string) => string,
) {
  const builder = new GraphBuilder(["x"]);
  let seed = 1;
  const tensor = (name: string, dims: number[]) =>
    builder.addInitializer(
      float32Tensor(name, dims, Float32Array.from(numbers(dims, seed++).data)),
    );
  const output = build(builder, tensor);
  const info = makeValueInfo("x", DataType.FLOAT, ["N", 64]);
  return builder.build("made", [info], [makeValueInfo(output, DataType.FLOAT, ["N", 3])], 17);
}

describe("apply-weight-norm, start data-dependent", () => {
  test.each([
    ["digits-mlp", ["fc1", "fc2", "fc3", "fc4"]],
    ["digits-cnn", ["conv1", "conv2", "conv3", "fc"]],
  ])("%s: every pre-activation has mean 0 and variance 1 on the data", async (name, layers) => {
    const graph = await readModel(join(SAMPLES, `${name}.onnx`));
    const samples = await openSampleRuns("digits", context);
    const result = await standardized(graph, samples);
    expect(result.applied.map(({ node }) => node)).toEqual(layers);
    expect(verify(result.graph)).toEqual([]);
    for (const layer of layers) {
      const node = result.graph.nodes.find((each) => each.name === layer);
      const worst = await worstMoments(result.graph, samples, node?.output[0] ?? "", 1);
      expect(worst, layer).toBeLessThan(1e-4);
    }
    // v is left alone: only g and the biases say what was measured.
    for (const [tensor, before] of graph.initializers) {
      if (before.dims.length > 1) expect(result.graph.initializers.get(tensor)).toEqual(before);
    }
    expect(result.statement).toContain("mean 0 and variance 1 on digits (1797 samples)");
    expect(result.tables?.[0]?.rows).toHaveLength(layers.length);
  });

  test.each([
    [
      "Gemm with factors",
      (b, t) =>
        b.add("Gemm", ["x", t("w", [64, 3]), t("c", [1, 3])], {
          name: "fc",
          attributes: { alpha: { float: -0.5 }, beta: { float: 2 } },
        }),
    ],
    [
      "Gemm without bias",
      (b, t) =>
        b.add("Gemm", ["x", t("w", [3, 64])], { name: "fc", attributes: { transB: { int: 1 } } }),
    ],
    ["MatMul without bias", (b, t) => b.add("MatMul", ["x", t("w", [64, 3])], { name: "fc" })],
    [
      "MatMul with bias",
      (b, t) =>
        b.add("Add", [b.add("MatMul", ["x", t("w", [64, 3])], { name: "fc" }), t("b", [3])]),
    ],
  ] as readonly [string, Parameters<typeof made>[0]][])("%s", async (_, build) => {
    const graph = made(build);
    const samples = await openSampleRuns("digits", context);
    const result = await standardized(graph, samples);
    expect(verify(result.graph)).toEqual([]);
    const output = result.graph.outputs[0]?.name ?? "";
    expect(await worstMoments(result.graph, samples, output, 1)).toBeLessThan(1e-4);
    const adds = result.graph.nodes.filter(({ opType }) => opType === "Add");
    expect(adds).toHaveLength(graph.nodes[0]?.opType === "MatMul" ? 1 : 0);
    const v = readFloat64(result.graph.initializers.get("w") as Tensor);
    const w = readFloat64(graph.initializers.get("w") as Tensor);
    if (graph.nodes[0]?.attribute.every(({ name }) => name !== "alpha")) expect(v).toEqual(w);
  });

  test("a model without a linear layer stays as it is", async () => {
    const graph = made((builder) => builder.add("Relu", ["x"], { name: "relu" }));
    const result = await standardized(graph, await openSampleRuns("digits", context));
    expect(result.applied).toEqual([]);
    expect(result.graph.nodes).toEqual(graph.nodes);
    expect(result.statement).toBeUndefined();
  });

  test("a unit that does not vary on the data is refused by name", async () => {
    const dead = new Float32Array(64 * 3).fill(0);
    for (const row of [10, 20, 30]) dead.set([1, 0, 1], row * 3);
    // Pixel 0 of the digits is 0 in every image.
    dead[1] = 1;
    const graph = made((builder) => {
      builder.addInitializer(float32Tensor("w", [64, 3], dead));
      builder.addInitializer(float32Tensor("b", [3], [0, 0.25, 0]));
      return builder.add("Gemm", ["x", "w", "b"], { name: "fc" });
    });
    await expect(standardized(graph, await openSampleRuns("digits", context))).rejects.toThrow(
      "Gemm fc: output unit 1 is 0.250 on all of digits (1797 samples), so that no g gives it variance 1",
    );
  });
});
