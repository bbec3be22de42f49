import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DataType } from "../../../src/graph/data-type.ts";
import { changeNode } from "../../../src/graph/edit.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import {
  type ConvConfiguration,
  convModel,
  outputChannels,
  randomConfiguration,
} from "./conv-models.ts";

const configuration: fc.Arbitrary<ConvConfiguration> = fc.record({
  axes: fc.integer({ min: 1, max: 3 }),
  groups: fc.integer({ min: 1, max: 4 }),
  inputsPerGroup: fc.integer({ min: 1, max: 4 }),
  outputsPerGroup: fc.integer({ min: 1, max: 3 }),
  kernel: fc.integer({ min: 1, max: 3 }),
  size: fc.constant(4),
  pad: fc.integer({ min: 0, max: 1 }),
  bias: fc.boolean(),
  dataType: fc.constantFrom(DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16),
  epsilon: fc.constantFrom(0, 1e-5, 1e-3),
  seed: fc.integer({ min: 0, max: 1_000_000 }),
});

function values(graph: Graph, name: string): Float64Array {
  return readFloat64(graph.initializers.get(name) as Tensor);
}

/** Explicit bits of the significand, the leading one included. */
const PRECISION = new Map<DataType, number>([
  [DataType.FLOAT, 24],
  [DataType.FLOAT16, 11],
  [DataType.BFLOAT16, 8],
  [DataType.DOUBLE, 53],
]);

/** Smallest exponent of a normal number. */
const LOWEST_EXPONENT = new Map<DataType, number>([
  [DataType.FLOAT, -126],
  [DataType.FLOAT16, -14],
  [DataType.BFLOAT16, -126],
  [DataType.DOUBLE, -1022],
]);

/** Rounding to nearest, ties to even, done with a power of two instead of bit patterns. */
function roundTo(value: number, dataType: DataType): number {
  if (dataType === DataType.DOUBLE || value === 0) return value;
  if (dataType === DataType.FLOAT) return Math.fround(value);
  const precision = PRECISION.get(dataType) as number;
  let exponent = Math.floor(Math.log2(Math.abs(value)));
  if (2 ** exponent > Math.abs(value)) exponent -= 1;
  const unit = 2 ** (Math.max(exponent, LOWEST_EXPONENT.get(dataType) as number) - precision + 1);
  const count = value / unit;
  const floor = Math.floor(count);
  const up = count - floor > 0.5 || (count - floor === 0.5 && floor % 2 !== 0);
  return (up ? floor + 1 : floor) * unit;
}

test("weights and bias are the float64 result, rounded once to their type", () => {
  fc.assert(
    fc.property(configuration, (config) => {
      const graph = convModel(config);
      expect(verify(graph)).toEqual([]);
      const { graph: folded, applied } = foldBatchNorm.apply(graph, undefined, {});
      expect(applied).toEqual([{ node: "bn", into: "conv" }]);
      expect(verify(folded)).toEqual([]);
      expect(folded.nodes.map((node) => node.opType)).toEqual(["Conv"]);
      expect([...folded.initializers.keys()]).toEqual(["conv.weight", "conv.bias"]);

      const channels = outputChannels(config);
      const weight = values(graph, "conv.weight");
      const bias = config.bias ? values(graph, "conv.bias") : new Float64Array(channels);
      const [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
        (name) => values(graph, `bn.${name}`),
      ) as [Float64Array, Float64Array, Float64Array, Float64Array];
      const perChannel = weight.length / channels;
      const newWeight = values(folded, "conv.weight");
      const newBias = values(folded, "conv.bias");
      for (let m = 0; m < channels; m++) {
        const deviation = Math.sqrt((variance[m] as number) + Math.fround(config.epsilon));
        const a = (gamma[m] as number) / deviation;
        for (let i = m * perChannel; i < (m + 1) * perChannel; i++) {
          expect(newWeight[i]).toBe(roundTo((weight[i] as number) * a, config.dataType));
        }
        const b = (beta[m] as number) - (mean[m] as number) * a;
        expect(newBias[m]).toBe(roundTo((bias[m] as number) * a + b, config.dataType));
      }
    }),
    { numRuns: 150, seed: 7 },
  );
});

describe("what surrounds the fold", () => {
  const model = convModel({ ...randomConfiguration(5), bias: false });

  test("the folded node keeps its name, doc string and attributes, and takes the result's name", () => {
    const [conv, norm] = model.nodes as [Graph["nodes"][number], Graph["nodes"][number]];
    const documented = changeNode(conv, { docString: "from the paper" });
    const graph = { ...model, nodes: [documented, norm] };
    const [folded] = foldBatchNorm.apply(graph, undefined, {}).graph.nodes;
    expect(folded).toMatchObject({ name: "conv", docString: "from the paper", output: ["bn_out"] });
    expect(folded?.attribute).toBe(documented.attribute);
  });

  test("a bias that did not exist is named after its weight", () => {
    const { graph } = foldBatchNorm.apply(model, undefined, {});
    expect(graph.nodes[0]?.input).toEqual(["x", "conv.weight", "conv.bias"]);
  });

  test("the graph before is untouched and reading the new weight twice gives equal bytes", () => {
    const before = values(model, "conv.weight");
    const { graph } = foldBatchNorm.apply(model, undefined, {});
    const tensor = graph.initializers.get("conv.weight") as Tensor;
    expect(tensor.data.byteLength).toBe(model.initializers.get("conv.weight")?.data.byteLength);
    expect(tensor.data.read()).toEqual(tensor.data.read());
    expect(values(model, "conv.weight")).toEqual(before);
  });

  test("sites can be chosen, and unknown ones are refused by name", () => {
    expect(foldBatchNorm.apply(model, [], {}).graph.nodes).toHaveLength(2);
    expect(foldBatchNorm.apply(model, ["bn"], {}).graph.nodes).toHaveLength(1);
    expect(() => foldBatchNorm.apply(model, ["bn9"], {})).toThrow(
      "fold-batch-norm: bn9 is not one of the model's sites; there are: bn",
    );
  });

  test("BatchNorm after BatchNorm folds in rounds and still rounds once", () => {
    const [conv, norm] = model.nodes as [Graph["nodes"][number], Graph["nodes"][number]];
    const second = changeNode(norm, {
      name: "bn2",
      input: ["bn_out", ...norm.input.slice(1)],
      output: ["y"],
    });
    const outputs = model.outputs.map((info) =>
      Object.assign(Object.create(Object.getPrototypeOf(info)), info, { name: "y" }),
    );
    const chain: Graph = { ...model, nodes: [conv, norm, second], outputs };
    const { graph, applied, siteOutputs } = foldBatchNorm.apply(chain, undefined, {});
    expect(applied.map((site) => site.node)).toEqual(["bn", "bn2"]);
    expect(siteOutputs).toEqual([{ site: "bn2", before: "y", after: "y" }]);
    const [gamma, variance] = ["bn.weight", "bn.running_var"].map((name) => values(model, name));
    const a =
      (gamma?.[0] as number) /
      Math.sqrt((variance?.[0] as number) + Math.fround(model.nodes[1]?.attribute[0]?.f ?? 0));
    const first = values(model, "conv.weight")[0] as number;
    expect(values(graph, "conv.weight")[0]).toBe(Math.fround(first * (a * a)));
  });

  test("a weight or bias that its type cannot hold is not folded", () => {
    const half = convModel({ ...randomConfiguration(5), dataType: DataType.FLOAT16 });
    const withOne = (name: string, value: number): Graph => {
      const { dims } = half.initializers.get(name) as Tensor;
      const filled = values(half, name).fill(value);
      const tensor = roundedTensor(name, dims, DataType.FLOAT16, filled);
      return { ...half, initializers: new Map(half.initializers).set(name, tensor) };
    };
    const reason =
      /^The folded Conv conv would have to store -?\d.* in channel \d+, which float16 cannot hold\.$/;
    for (const graph of [withOne("bn.weight", 60000), withOne("bn.running_mean", 60000)]) {
      const [site] = foldBatchNorm.find(graph, {});
      expect(site).toMatchObject({ applicable: false, reason: expect.stringMatching(reason) });
    }
    expect(foldBatchNorm.find(half, {})[0]?.applicable).toBe(true);
  });
});
