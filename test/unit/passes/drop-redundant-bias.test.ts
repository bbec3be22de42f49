import { describe, expect, test } from "vitest";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { dropRedundantBias } from "../../../src/passes/drop-redundant-bias.ts";
import { fixture } from "../findings/fixtures.ts";
import { convModel, randomConfiguration } from "./conv-models.ts";
import { differenceInRuntime } from "./equivalence.ts";

const biased = (seed: number, dataType: DataType = DataType.FLOAT) =>
  convModel({ ...randomConfiguration(seed, dataType), bias: true });

function reasonOf(graph: Graph): string | undefined {
  const { applied, skipped, graph: after } = dropRedundantBias.apply(graph, undefined, {});
  expect(applied).toEqual([]);
  expect(after.nodes).toEqual(graph.nodes);
  return skipped[0]?.reason;
}

function withTensor(graph: Graph, tensor: Tensor): Graph {
  return { ...graph, initializers: new Map(graph.initializers).set(tensor.name, tensor) };
}

describe("the bias goes and the function stays", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])("random convolution %d", async (seed) => {
    const graph = biased(seed);
    const { graph: after, applied } = dropRedundantBias.apply(graph, undefined, {});
    expect(applied).toEqual([{ node: "conv", into: "bn" }]);
    expect(verify(after)).toEqual([]);
    expect(after.nodes[0]?.input).toEqual(["x", "conv.weight"]);
    expect([...after.initializers.keys()]).not.toContain("conv.bias");
    expect(await differenceInRuntime(graph, after)).toBeLessThanOrEqual(1);
  });

  test.each([
    "conv-transpose-bn",
    "grouped-conv-transpose-bn",
    "gemm-00-alpha1-beta1-bn",
    "gemm-10-alpha0.5-beta2-bn",
    "gemm-11-alpha2-beta0-bn",
    "gemm-scalar-bias-bn",
    "gemm-row-bias-bn",
    "double-gemm-bn",
    "float16",
    "opset9-ir3",
  ])("%s", async (name) => {
    const graph = await fixture(name);
    const { graph: after, applied } = dropRedundantBias.apply(graph, undefined, {});
    expect(applied).toHaveLength(1);
    expect(verify(after)).toEqual([]);
    expect(await differenceInRuntime(graph, after)).toBeLessThanOrEqual(1);
  });

  test("the new mean is the difference, rounded once to its type", () => {
    const graph = biased(3, DataType.FLOAT16);
    const { graph: after } = dropRedundantBias.apply(graph, undefined, {});
    const values = (each: Graph, name: string) =>
      readFloat64(each.initializers.get(name) as Tensor);
    const [mean, bias] = [values(graph, "bn.running_mean"), values(graph, "conv.bias")];
    const found = values(after, "bn.running_mean");
    expect(after.initializers.get("bn.running_mean")?.dataType).toBe(DataType.FLOAT16);
    for (const [channel, value] of found.entries()) {
      const exact = (mean[channel] as number) - (bias[channel] as number);
      // Half a unit in the last of float16's eleven places.
      expect(Math.abs(value - exact)).toBeLessThanOrEqual(Math.abs(exact) * 2 ** -11 + 2 ** -25);
    }
  });
});

describe("what is in the way is said, and nothing is changed", () => {
  test("a second reader of the layer", async () => {
    expect(reasonOf(await fixture("conv-is-graph-output"))).toMatch(
      /^\w+ is read by others than bn, and they need the bias\.$/,
    );
  });

  test("a BatchNorm that trains", async () => {
    expect(reasonOf(await fixture("training-mode"))).toMatch(/bn is in training mode/);
  });

  test("a BatchNorm that divides by zero, where one NaN would become another infinity", async () => {
    expect(reasonOf(await fixture("zero-variance-zero-epsilon"))).toMatch(/divides by zero/);
  });

  test("a bias of another length", () => {
    const graph = biased(1);
    const bias = float32Tensor("conv.bias", [1], [3]);
    expect(reasonOf(withTensor(graph, bias))).toMatch(
      /conv.bias\) has shape \[1\], not one number/,
    );
  });

  test("a matrix that differs by row", async () => {
    expect(reasonOf(await fixture("gemm-matrix-bias-bn"))).toMatch(/not one number for each of/);
  });

  test("a bias that is not finite", () => {
    const graph = biased(1);
    const bias = graph.initializers.get("conv.bias") as Tensor;
    const values = Array.from(readFloat64(bias), () => Number.NaN);
    expect(reasonOf(withTensor(graph, float32Tensor("conv.bias", bias.dims, values)))).toBe(
      "The running mean of bn would become NaN in channel 0, which float32 cannot hold.",
    );
  });

  test("a Gemm of an operator set that needs its bias", async () => {
    const graph = await fixture("gemm-row-bias-bn");
    expect(reasonOf({ ...graph, opsets: new Map([["", 9]]) })).toBe(
      "gemm is a Gemm of operator set 9, which needs a bias.",
    );
  });

  test("a site that is none", () => {
    expect(() => dropRedundantBias.apply(biased(1), ["bn"], {})).toThrow(
      "drop-redundant-bias: bn is not one of the model's sites; there are: conv",
    );
  });
});

test("a mean that another BatchNorm reads as well stays, and this one gets its own", () => {
  const graph = biased(1);
  const [conv, norm] = graph.nodes;
  if (conv === undefined || norm === undefined) throw new Error("two nodes are expected");
  const second = { ...norm, name: "bn2", input: ["bn_out", ...norm.input.slice(1)], output: ["y"] };
  const shared = { ...graph, nodes: [conv, norm, second as typeof norm] };
  const { graph: after } = dropRedundantBias.apply(shared, undefined, {});
  expect(after.nodes[1]?.input[3]).toBe("bn.running_mean_folded");
  expect(after.nodes[2]?.input[3]).toBe("bn.running_mean");
  expect(after.initializers.get("bn.running_mean")).toBe(graph.initializers.get("bn.running_mean"));
});
