import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSampleRuns } from "../../../src/engine/sample-runs.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../src/graph/numbers.ts";
import {
  elementCount,
  float32Tensor,
  int64Tensor,
  type Tensor,
} from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { prunableLayer } from "../../../src/passes/prunable-layer.ts";
import { pruneMagnitude } from "../../../src/passes/prune-magnitude.ts";
import { isRefusal } from "../../../src/passes/refusal.ts";
import { FIXTURES, SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { numbers } from "../operators/step-harness.ts";
import { differenceInRuntime } from "./equivalence.ts";

const WEIGHTS = { share: 0.5, scope: "layer", structure: "weights" };
const CHANNELS = { share: 0.4, scope: "layer", structure: "channels" };

const values = (graph: Graph, name: string) => [
  ...readFloat64(graph.initializers.get(name) as Tensor),
];

/** x → MatMul a → Relu → MatMul b, with weights as given. */
function twoLayers(a: readonly number[], b: readonly number[], dataType = DataType.FLOAT): Graph {
  const builder = new GraphBuilder(["x"]);
  const add = (name: string, dims: number[], data: readonly number[]) =>
    builder.addInitializer(roundedTensor(name, dims, dataType, Float64Array.from(data)));
  const hidden = builder.add("MatMul", ["x", add("a", [2, 2], a)], { name: "first" });
  const active = builder.add("Relu", [hidden]);
  const output = builder.add("MatMul", [active, add("b", [2, 2], b)], { name: "second" });
  const info = (name: string) => makeValueInfo(name, dataType, [1, 2]);
  return builder.build("two", [info("x")], [info(output)], 17);
}

describe("prune-magnitude of weights", () => {
  test.each([DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE])(
    "the smallest of each layer are zero, all others keep their bits (type %i)",
    (dataType) => {
      const graph = twoLayers([1, -0.1, 3, 0.3], [-10, 20, 30, -40], dataType);
      const result = pruneMagnitude.apply(graph, undefined, WEIGHTS);
      const [a, b] = [values(graph, "a"), values(graph, "b")];
      expect(values(result.graph, "a")).toEqual([a[0], 0, a[2], 0]);
      expect(values(result.graph, "b")).toEqual([0, 0, b[2], b[3]]);
      expect(result.graph.initializers.get("a")?.dataType).toBe(dataType);
      expect(result.tables?.[0]?.rows).toEqual([
        ["first", 4, 2, "50.0 %"],
        ["second", 4, 2, "50.0 %"],
      ]);
    },
  );

  test("the smallest of all layers, and of equal ones the first", () => {
    const graph = twoLayers([1, -0.1, 3, 0.3], [-10, 20, 30, -40]);
    const global = { ...WEIGHTS, share: 0.375, scope: "global" };
    const result = pruneMagnitude.apply(graph, undefined, global);
    expect(values(result.graph, "a")).toEqual([0, 0, 3, 0]);
    expect(result.graph.initializers.get("b")).toBe(graph.initializers.get("b"));
    expect(result.applied).toEqual([{ node: "first", into: "first" }]);
    expect(result.statement).toBe("3 of 8 weights are zero now, the smallest of all layers.");
    const ties = pruneMagnitude.apply(twoLayers([1, -1, 1, 1], [1, 1, 2, 2]), undefined, global);
    expect(values(ties.graph, "a")).toEqual([0, 0, 0, 1]);
    expect(values(ties.graph, "b")).toEqual([1, 1, 2, 2]);
  });

  test("a share of a real model is exact; none leaves it alone", async () => {
    const graph = await readModel(join(SAMPLES, "narrow-resnet.onnx"));
    const count = (each: Graph, zero: boolean) =>
      [...each.initializers.values()]
        .filter(({ dims }) => dims.length > 1)
        .reduce(
          (sum, tensor) => sum + readFloat64(tensor).filter((w) => !zero || w === 0).length,
          0,
        );
    for (const share of [0.25, 0.6]) {
      const result = pruneMagnitude.apply(graph, undefined, { ...WEIGHTS, scope: "global", share });
      expect(verify(result.graph)).toEqual([]);
      expect(count(result.graph, true)).toBe(Math.floor(share * count(graph, false)));
    }
    const none = pruneMagnitude.apply(graph, undefined, { ...WEIGHTS, share: 0 });
    expect([none.applied, none.graph.initializers]).toEqual([[], graph.initializers]);
  });

  test("a weight that two layers share is pruned once, and one that another reads too is copied", () => {
    const builder = new GraphBuilder(["x"]);
    builder.addInitializer(float32Tensor("w", [2, 2], [1, 2, 3, 4]));
    const first = builder.add("MatMul", ["x", "w"], { name: "first" });
    const output = builder.add("MatMul", [first, "w"], { name: "second" });
    const info = (name: string) => makeValueInfo(name, DataType.FLOAT, [1, 2]);
    const graph = builder.build("s", [info("x")], [info(output)], 17);
    const both = pruneMagnitude.apply(graph, undefined, WEIGHTS);
    expect(both.tables?.[0]?.rows).toEqual([["first, second", 4, 2, "50.0 %"]]);
    expect(values(both.graph, "w")).toEqual([0, 0, 3, 4]);
    const one = pruneMagnitude.apply(graph, ["second"], WEIGHTS).graph;
    expect(one.nodes.map(({ input }) => input[1])).toEqual(["w", "w_pruned"]);
    expect(values(one, "w")).toEqual([1, 2, 3, 4]);
  });

  test("what is refused", () => {
    const graph = twoLayers([0.1, 0.1, 0.1, 0.1], [1, 2, 3, 4]);
    const prune = (options: object) => () =>
      pruneMagnitude.apply(graph, undefined, { ...WEIGHTS, ...options });
    expect(prune({ share: 1 })).toThrow("share is 1; a number from 0 to below 1 is needed");
    expect(prune({ scope: "global" })).toThrow(
      "prune-magnitude: all 4 weights of MatMul first are among the smallest 50 %",
    );
    const nan = twoLayers([1, Number.NaN, 1, 1], [1, 2, 3, 4]);
    expect(() => pruneMagnitude.apply(nan, undefined, WEIGHTS)).toThrow(
      "prune-magnitude: the weight a of MatMul first holds NaN",
    );
  });
});

/**
 * The original with the channels made mute that pruning takes out: the next layers' weights for them
 * are zero. It computes what the pruned model has to compute.
 */
function muted(graph: Graph, share: number): Graph {
  const initializers = new Map(graph.initializers);
  for (const node of graph.nodes) {
    const layer = prunableLayer(graph, node);
    if (layer === undefined || isRefusal(layer)) continue;
    const gone = leastChannels(graph, layer.node.input[layer.weight.input] ?? "", layer, share);
    for (const cut of layer.cuts) {
      if (!["Conv", "ConvTranspose", "Gemm", "MatMul"].includes(cut.node.opType)) continue;
      if (cut.node === layer.node || cut.input !== 1) continue;
      const { dims } = cut.tensor;
      const name = cut.node.input[1] ?? "";
      const data = readFloat64(initializers.get(name) as Tensor).slice();
      const inner = elementCount(dims.slice(cut.axis + 1));
      for (const position of data.keys()) {
        const along = Math.floor(position / inner) % (dims[cut.axis] as number);
        if (gone.has(Math.floor(along / cut.block))) data[position] = 0;
      }
      initializers.set(name, roundedTensor(name, dims, cut.tensor.dataType, data));
    }
  }
  return { ...graph, initializers };
}

/** The channels with the smallest |γ| or L1 norm, computed anew. */
function leastChannels(
  graph: Graph,
  weight: string,
  layer: Exclude<ReturnType<typeof prunableLayer>, undefined | { reason: string }>,
  share: number,
): ReadonlySet<number> {
  const gamma = layer.path.normalization?.input[1];
  const own = layer.cuts[0];
  const scores = new Array<number>(layer.channels).fill(0);
  if (gamma !== undefined) {
    for (const [channel, value] of values(graph, gamma).entries())
      scores[channel] = Math.abs(value);
  } else {
    const inner = elementCount(own?.tensor.dims.slice((own?.axis ?? 0) + 1) ?? []);
    for (const [position, value] of values(graph, weight).entries()) {
      const channel = Math.floor(position / inner) % layer.channels;
      scores[channel] = (scores[channel] ?? 0) + Math.abs(value);
    }
  }
  const order = [...scores.keys()].sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  return new Set(order.slice(0, Math.floor(share * order.length)));
}

type Tensors = (name: string, dims: readonly number[]) => string;

function built(
  inputs: readonly number[],
  outputs: readonly number[],
  add: (builder: GraphBuilder, tensor: Tensors) => string,
): Graph {
  const builder = new GraphBuilder(["x"]);
  let seed = 1;
  const tensor: Tensors = (name, dims) =>
    builder.addInitializer(
      float32Tensor(name, dims, Float32Array.from(numbers(dims, seed++).data)),
    );
  const output = add(builder, tensor);
  return builder.build(
    "b",
    [makeValueInfo("x", DataType.FLOAT, inputs)],
    [makeValueInfo(output, DataType.FLOAT, outputs)],
    17,
  );
}

/** Graphs in which the first layer's ten channels go another way to the next layer. */
const WAYS: readonly (readonly [string, () => Graph, string])[] = [
  [
    "PRelu with slopes, pool, Flatten, Gemm",
    () =>
      built([1, 3, 6, 6], [1, 4], (b, t) => {
        const conv = b.add("Conv", ["x", t("w", [10, 3, 3, 3]), t("c", [10])], { name: "layer" });
        const bent = b.add("PRelu", [conv, t("slope", [10, 1, 1])]);
        const pool = b.add("MaxPool", [bent], {
          attributes: { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } },
        });
        return b.add("Gemm", [b.add("Flatten", [pool]), t("v", [4, 40])], {
          attributes: { transB: { int: 1 } },
        });
      }),
    "v",
  ],
  [
    "x·sigmoid(x), mean over positions, a stated Reshape, MatMul",
    () =>
      built([1, 3, 6, 6], [1, 4], (b, t) => {
        const conv = b.add("Conv", ["x", t("w", [10, 3, 3, 3])], { name: "layer" });
        const swish = b.add("Mul", [conv, b.add("Sigmoid", [conv])]);
        const mean = b.add("ReduceMean", [swish], {
          attributes: { axes: { ints: [-1] }, keepdims: { int: 0 } },
        });
        b.addInitializer(int64Tensor("shape", [2], [1, 40]));
        return b.add("MatMul", [b.add("Reshape", [mean, "shape"]), t("v", [40, 4])]);
      }),
    "v",
  ],
  [
    "ConvTranspose, constant scale and shift, ConvTranspose",
    () =>
      built([1, 3, 4, 4], [1, 2, 6, 6], (b, t) => {
        const up = b.add("ConvTranspose", ["x", t("w", [3, 10, 2, 2]), t("c", [10])], {
          name: "layer",
        });
        const moved = b.add("Add", [b.add("Mul", [up, t("scale", [1, 10, 1, 1])]), b.scalar(0.5)]);
        return b.add("ConvTranspose", [moved, t("v", [10, 2, 2, 2])]);
      }),
    "v",
  ],
  [
    "MatMul, bias behind it, Gelu-like, MatMul of three axes",
    () =>
      built([2, 5, 6], [2, 5, 3], (b, t) => {
        const hidden = b.add("Add", [
          b.add("MatMul", ["x", t("w", [6, 10])], { name: "layer" }),
          t("c", [10]),
        ]);
        return b.add("MatMul", [b.add("Mul", [hidden, b.add("Tanh", [hidden])]), t("v", [10, 3])]);
      }),
    "v",
  ],
  [
    "Transpose to channels last, MatMul",
    () =>
      built([1, 3, 4, 4], [1, 4, 4, 5], (b, t) => {
        const conv = b.add("Conv", ["x", t("w", [10, 3, 1, 1])], { name: "layer" });
        const last = b.add("Transpose", [conv], { attributes: { perm: { ints: [0, 2, 3, 1] } } });
        return b.add("MatMul", [last, t("v", [10, 5])]);
      }),
    "v",
  ],
  [
    "two readers",
    () =>
      built([1, 3, 4, 4], [1, 4, 4, 4], (b, t) => {
        const conv = b.add("Conv", ["x", t("w", [10, 3, 1, 1])], { name: "layer" });
        const one = b.add("Conv", [conv, t("v", [4, 10, 1, 1])]);
        return b.add("Add", [one, b.add("Conv", [b.add("Relu", [conv]), t("u", [4, 10, 1, 1])])]);
      }),
    "u",
  ],
];

describe("prune-magnitude of channels", () => {
  test.each(WAYS)("%s", async (_, make, next) => {
    const graph = make();
    const result = pruneMagnitude.apply(graph, ["layer"], CHANNELS);
    expect(result.applied).toEqual([{ node: "layer", into: "layer" }]);
    expect(verify(result.graph)).toEqual([]);
    expect(result.tables?.[0]?.rows).toEqual([["layer", 10, 6, "Σ|w|"]]);
    const size = (each: Graph, name: string) =>
      elementCount(each.initializers.get(name)?.dims ?? []);
    for (const name of ["w", next]) {
      expect(size(result.graph, name)).toBe(0.6 * size(graph, name));
    }
    expect(await differenceInRuntime(muted(graph, 0.4), result.graph)).toBeLessThanOrEqual(1);
  });

  test.each(["digits-cnn", "digits-mlp"])(
    "%s is the model without its least channels",
    async (name) => {
      const graph = await readModel(join(SAMPLES, `${name}.onnx`));
      const result = pruneMagnitude.apply(graph, undefined, CHANNELS);
      expect(result.skipped.map(({ reason }) => reason)).toEqual([
        "Its result reaches logits, an output of the model.",
      ]);
      expect(verify(result.graph)).toEqual([]);
      expect(await differenceInRuntime(muted(graph, 0.4), result.graph)).toBeLessThanOrEqual(1);
    },
  );

  test("stated shapes follow, also those of initializers that are listed as inputs", async () => {
    const [, make] = WAYS[0] as (typeof WAYS)[number];
    const plain = make();
    const listed = [...plain.initializers.values()].map((tensor) =>
      makeValueInfo(tensor.name, tensor.dataType, tensor.dims),
    );
    const conv = makeValueInfo(plain.nodes[0]?.output[0] ?? "", DataType.FLOAT, [1, 10, 4, 4]);
    const graph = {
      ...plain,
      irVersion: 3,
      inputs: [...plain.inputs, ...listed],
      valueInfo: [conv],
    };
    const { graph: pruned } = pruneMagnitude.apply(graph, ["layer"], CHANNELS);
    const dims = (name: string) => {
      const type = [...pruned.inputs, ...pruned.valueInfo].find((each) => each.name === name)?.type;
      const tensor = type?.value.case === "tensorType" ? type.value.value.shape : undefined;
      return tensor?.dim.map(({ value }) => Number(value.value));
    };
    expect([dims("w"), dims("v"), dims(conv.name)]).toEqual([
      [6, 3, 3, 3],
      [4, 24],
      [1, 6, 4, 4],
    ]);
    expect(verify(pruned)).toEqual([]);
    expect(await differenceInRuntime(muted(graph, 0.4), pruned)).toBeLessThanOrEqual(1);
  });

  test("what cannot be followed is left with its reason", async () => {
    const reasons = async (file: string) => {
      const result = pruneMagnitude.apply(await readModel(file), undefined, CHANNELS);
      return result.skipped.map(({ reason }) => reason).join("\n");
    };
    const residual = await reasons(join(SAMPLES, "narrow-resnet.onnx"));
    expect(residual).toMatch(/Add \S*Add joins its channels with those of/);
    const depthwise = await reasons(join(SAMPLES, "narrow-mobilenetv2.onnx"));
    expect(depthwise).toContain("reads its channels in groups.");
    expect(depthwise).toContain("has groups.");
    expect(await reasons(join(FIXTURES, "runtime-weight.onnx"))).toContain(
      "known only at run time",
    );
    const concat = built([1, 3, 4, 4], [1, 13, 4, 4], (b, t) => {
      const conv = b.add("Conv", ["x", t("w", [10, 3, 1, 1])], { name: "layer" });
      return b.add("Concat", [conv, "x"], { name: "join", attributes: { axis: { int: 1 } } });
    });
    expect(pruneMagnitude.apply(concat, undefined, CHANNELS).skipped).toEqual([
      { node: "layer", reason: "Its channels cannot be followed through Concat join." },
    ]);
  });

  test("of all layers together, and never all channels of one", () => {
    const graph = built([1, 6], [1, 3], (b, t) => {
      const hidden = b.add("Gemm", ["x", t("w", [6, 10])], { name: "first" });
      const next = b.add("Gemm", [b.add("Relu", [hidden]), t("v", [10, 10])], { name: "second" });
      return b.add("Gemm", [next, t("u", [10, 3])]);
    });
    const result = pruneMagnitude.apply(graph, undefined, {
      ...CHANNELS,
      scope: "global",
      share: 0.3,
    });
    expect(result.statement).toMatch(/^6 of 20 output channels were taken out of [12] layers\.$/);
    const zero = float32Tensor("w", [6, 10], new Float32Array(60));
    const dead = { ...graph, initializers: new Map(graph.initializers).set("w", zero) };
    expect(() =>
      pruneMagnitude.apply(dead, undefined, { ...CHANNELS, scope: "global", share: 0.5 }),
    ).toThrow("prune-magnitude: all 10 channels of Gemm first are among the least 50 %");
  });
});

describe("with data", () => {
  test("accuracy before and after is measured", async () => {
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    const samples = await openSampleRuns("digits", context);
    const result = await pruneMagnitude.applyOnData?.(
      graph,
      undefined,
      { ...WEIGHTS, scope: "global", share: 0.95 },
      samples,
    );
    const rows = result?.tables?.[1]?.rows as [string, string][];
    const [before, after] = rows.map(([, text]) => Number.parseFloat(text)) as [number, number];
    expect(before).toBeGreaterThan(98);
    expect(after).toBeLessThan(before - 5);
    expect(result?.statement).toContain(
      `Accuracy on digits (1797 samples): ${before.toFixed(1)} % before, ${after.toFixed(1)} % after.`,
    );
  });

  test("without a class for each output it says so", async () => {
    const graph = built([1, 64], [1, 1], (b, t) =>
      b.add("Gemm", [b.add("Gemm", ["x", t("w", [64, 4])]), t("v", [4, 1])]),
    );
    const samples = await openSampleRuns("digits", context);
    const result = await pruneMagnitude.applyOnData?.(graph, undefined, WEIGHTS, samples);
    expect(result?.statement).toContain("Accuracy was not measured");
    expect(result?.tables).toHaveLength(1);
  });
});
