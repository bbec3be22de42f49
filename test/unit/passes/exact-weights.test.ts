import { describe, expect, test } from "vitest";
import { type Random, seededRandom } from "../../../src/data/random.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { elementCount, float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";

const EPSILON = Math.fround(1e-5);

/** A linear operator, its weight's shape for C inputs and M outputs, and where the channels lie. */
interface Layer {
  readonly opType: string;
  readonly dims: (inputs: number, outputs: number) => readonly number[];
  readonly attributes?: Readonly<
    Record<string, { readonly int: number } | { readonly float: number }>
  >;
  readonly outputAxis: number;
  readonly inputAxis: number;
  readonly factor?: number;
  readonly spatial: boolean;
}

const LAYERS: readonly Layer[] = [
  { opType: "Conv", dims: (c, m) => [m, c, 2, 2], outputAxis: 0, inputAxis: 1, spatial: true },
  {
    opType: "ConvTranspose",
    dims: (c, m) => [c, m, 2, 2],
    outputAxis: 1,
    inputAxis: 0,
    spatial: true,
  },
  {
    opType: "Gemm",
    dims: (c, m) => [c, m],
    outputAxis: 1,
    inputAxis: 0,
    spatial: false,
    attributes: { alpha: { float: 0.3 } },
    factor: Math.fround(0.3),
  },
  { opType: "MatMul", dims: (c, m) => [c, m], outputAxis: 1, inputAxis: 0, spatial: false },
];

interface Numbers {
  readonly builder: GraphBuilder;
  readonly random: Random;
}

function add(
  { builder, random }: Numbers,
  name: string,
  dims: readonly number[],
  positive = false,
) {
  const draw = () => (positive ? 0.05 + random.uniform() : random.normal());
  const values = Float32Array.from({ length: elementCount(dims) }, draw);
  return builder.addInitializer(float32Tensor(name, dims, values));
}

function batchNorm(numbers: Numbers, value: string, name: string, channels: number): string {
  const parameters = ["gamma", "beta", "mean"].map((each) => add(numbers, name + each, [channels]));
  const variance = add(numbers, `${name}variance`, [channels], true);
  return numbers.builder.add("BatchNormalization", [value, ...parameters, variance], { name });
}

/** γ/√(σ² + ε) in float64 from the stored values. */
function scaleOf(graph: Graph, name: string): Float64Array {
  const read = (each: string) => readFloat64(graph.initializers.get(name + each) as Tensor);
  const variance = read("variance");
  return read("gamma").map((gamma, c) => gamma / Math.sqrt((variance[c] as number) + EPSILON));
}

describe.each(LAYERS)("$opType", (layer) => {
  test("25 folded weights are the float64 products, rounded once, from both sides", () => {
    for (let seed = 0; seed < 25; seed++) {
      const random = seededRandom(seed, layer.opType);
      const [inputs, outputs] = [1 + random.below(5), 1 + random.below(5)];
      const numbers = { builder: new GraphBuilder(["x"]), random };
      const before = batchNorm(numbers, "x", "first", inputs);
      const weight = add(numbers, "weight", layer.dims(inputs, outputs));
      const { attributes = {} } = layer;
      const result = numbers.builder.add(layer.opType, [before, weight], {
        name: "layer",
        attributes,
      });
      const after = batchNorm(numbers, result, "last", outputs);
      const info = (name: string, channels: number) =>
        makeValueInfo(name, DataType.FLOAT, [2, channels, ...(layer.spatial ? ["h", "w"] : [])]);
      const graph = numbers.builder.build("m", [info("x", inputs)], [info(after, outputs)], 17);
      const { graph: folded, applied } = foldBatchNorm.apply(graph, undefined, {});
      expect(applied.map((site) => site.node)).toEqual(["last", "first"]);
      const stored = graph.initializers.get("weight") as Tensor;
      const [first, last] = [scaleOf(graph, "first"), scaleOf(graph, "last")];
      const at = (axis: number, position: number) =>
        Math.floor(position / elementCount(stored.dims.slice(axis + 1))) %
        (stored.dims[axis] as number);
      const expected = readFloat64(stored).map((value, position) => {
        const a = (last[at(layer.outputAxis, position)] as number) * (layer.factor ?? 1);
        return Math.fround(value * a * (first[at(layer.inputAxis, position)] as number));
      });
      expect(readFloat64(folded.initializers.get("weight") as Tensor)).toEqual(expected);
    }
  });
});
