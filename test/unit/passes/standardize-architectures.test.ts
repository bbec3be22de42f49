import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema } from "onnx-buf";
import { expect, test } from "vitest";
import { sampleRuns } from "../../../src/engine/sample-runs.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import type { Graph, Node } from "../../../src/graph/graph.ts";
import { elementCount } from "../../../src/graph/tensor.ts";
import { applyWeightNorm } from "../../../src/passes/apply-weight-norm.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import type { RuntimeTensor } from "../../../src/runtime/runtime.ts";
import { REPOSITORY } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { numbers } from "../operators/step-harness.ts";

/**
 * A tenth of what is promised, and some tens of the float32 units in a sum of products. A start that
 * measures layers fused by the runtime, or W/σ in place of g·v/‖v‖, is off by more on the images.
 */
const TOLERANCE = 1e-5;

const SAMPLES = 6;

/** Where a layer's W·x + b stands in a file of PyTorch's: a MatMul has its bias in the Add behind it. */
function preActivation(graph: Graph, layer: Node): string {
  const product = layer.output[0] ?? "";
  const [reader] = graph.nodes.filter(({ input }) => input.includes(product));
  const biased =
    layer.opType === "MatMul" &&
    reader?.opType === "Add" &&
    reader.input.some((value) => graph.initializers.has(value));
  return biased ? (reader.output[0] ?? "") : product;
}

/** The largest |mean| and |variance − 1| of the channels along an axis, two passes in float64. */
function worstOf({ dims, data }: RuntimeTensor, axis: number): number {
  const channels = dims[axis] ?? 0;
  const inner = elementCount(dims.slice(axis + 1));
  const count = data.length / channels;
  const sums = (term: (value: number, channel: number) => number) => {
    const totals = new Float64Array(channels);
    for (const [position, value] of (data as Float32Array).entries()) {
      const channel = Math.floor(position / inner) % channels;
      totals[channel] = (totals[channel] as number) + term(value, channel);
    }
    return totals;
  };
  const means = sums((value) => value / count);
  const variances = sums((value, channel) => (value - (means[channel] as number)) ** 2 / count);
  return Math.max(...means.map(Math.abs), ...variances.map((variance) => Math.abs(variance - 1)));
}

/** All pre-activations of one run of the whole batch, of a model that has them as outputs. */
async function preActivations(graph: Graph, wanted: readonly string[], x: RuntimeTensor) {
  const outputs = wanted.map((name) => create(ValueInfoProtoSchema, { name }));
  const session = await (await loadRuntime()).createSession(encodeModel({ ...graph, outputs }));
  try {
    return await session.run({ [graph.inputs[0]?.name ?? ""]: x });
  } finally {
    await session.release();
  }
}

test.each([
  ["mobilenetv2", [3, 64, 64], 35, 1],
  ["efficientnet", [3, 32, 32], 37, 3],
  ["efficientnet", [3, 32, 32], 37, 4],
  ["pre-norm-transformer", [10, 32], 9, 6],
])(
  "%s: all pre-activations have mean 0 and variance 1 on one batch of %j",
  async (name, sampleShape, count, seed) => {
    const graph = await readModel(join(REPOSITORY, `test/fixtures/architectures/${name}.onnx`));
    const dims = [SAMPLES, ...sampleShape];
    const features = Float32Array.from(numbers(dims, seed).data);
    const dataset = { name: "noise", count: SAMPLES, sampleShape, features };
    const samples = sampleRuns(dataset, undefined, context);

    const started = await applyWeightNorm.applyOnData?.(
      graph,
      undefined,
      { start: "data-dependent" },
      samples,
    );

    if (started === undefined) throw new Error("the pass measures");
    const applied = new Set(started.applied.map(({ node }) => node));
    expect(applied.size).toBe(count);
    const layers = started.graph.nodes.filter((node) => applied.has(node.name));
    const values = layers.map((layer) => preActivation(started.graph, layer));
    const found = await preActivations(started.graph, values, {
      type: "float32",
      dims,
      data: features,
    });
    for (const [position, value] of values.entries()) {
      const tensor = found[value] as RuntimeTensor;
      const axis = layers[position]?.opType === "MatMul" ? tensor.dims.length - 1 : 1;
      expect(worstOf(tensor, axis), value).toBeLessThan(TOLERANCE);
    }
  },
);
