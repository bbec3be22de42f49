import { expect, test } from "vitest";
import type { AttributeValue } from "../../../src/graph/attributes.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import {
  float32Tensor,
  int64Tensor,
  memoryTensor,
  type Tensor,
} from "../../../src/graph/tensor.ts";
import { node, numbers, runStep, type Values } from "./step-harness.ts";

/*
 * Operators that the PyTorch oracle does not hold, and older forms of operators: the derivative of
 * ⟨G, Y⟩ in a fixed direction against (⟨G, Y(x + h·d)⟩ − ⟨G, Y(x − h·d)⟩) / 2h.
 */

const STEP = 1e-2;
const TOLERANCE = 1e-2;

type Attributes = Readonly<Record<string, AttributeValue>>;

interface Case {
  readonly name: string;
  readonly opType: string;
  readonly opset?: number;
  readonly inputs: Readonly<Record<string, Values>>;
  /** Stored inputs; `order` says where they go, by default after the others. */
  readonly stored?: readonly Tensor[];
  readonly order?: readonly string[];
  readonly attributes?: Attributes;
  readonly outputs?: readonly string[];
  /** Output that has the gradient. */
  readonly follow?: string;
  readonly outputShape: readonly number[];
}

const x = numbers([2, 3, 4], 5);
const positive: Values = { shape: x.shape, data: Array.from(x.data, (value) => Math.abs(value)) };
const mask = memoryTensor("mask", [3, 1], DataType.BOOL, Uint8Array.of(1, 0, 1));
const unary = (opType: string, attributes: Attributes = {}, opset = 20): Case => ({
  name: opType,
  opType,
  opset,
  attributes,
  inputs: { x },
  outputShape: x.shape,
});
const reduction = (
  opType: string,
  opset: number,
  attributes: Attributes,
  outputShape: readonly number[],
): Case => ({
  name: `${opType}, operator set ${opset}`,
  opType,
  opset,
  inputs: { x },
  attributes,
  outputShape,
});

const cases: readonly Case[] = [
  unary("Selu"),
  unary("Celu", { alpha: { float: 0.7 } }),
  unary("HardSigmoid", { alpha: { float: 0.3 }, beta: { float: 0.4 } }),
  unary("ThresholdedRelu", { alpha: { float: 0.21 } }),
  unary("Softsign"),
  unary("Mish"),
  unary("Gelu"),
  { ...unary("Gelu", { approximate: { string: "tanh" } }), name: "Gelu in its tanh form" },
  unary("Sin"),
  unary("Cos"),
  { ...unary("Clip", { min: { float: -0.31 }, max: { float: 0.52 } }, 6), opset: 7 },
  {
    name: "PRelu with a slope a channel",
    opType: "PRelu",
    inputs: { x, slope: numbers([3, 1], 8) },
    outputShape: x.shape,
  },
  {
    name: "Pow with a constant exponent",
    opType: "Pow",
    inputs: { x: positive },
    stored: [float32Tensor("exponent", [], [3])],
    outputShape: x.shape,
  },
  {
    name: "Pow, square of negative numbers",
    opType: "Pow",
    inputs: { x },
    stored: [float32Tensor("exponent", [], [2])],
    outputShape: x.shape,
  },
  {
    name: "Pow with a broadcast exponent",
    opType: "Pow",
    inputs: { x: positive, exponent: numbers([3, 1], 9) },
    outputShape: x.shape,
  },
  {
    name: "Max of two",
    opType: "Max",
    inputs: { x, other: numbers([4], 3) },
    outputShape: x.shape,
  },
  {
    name: "Min of two",
    opType: "Min",
    inputs: { x, other: numbers([4], 3) },
    outputShape: x.shape,
  },
  {
    name: "Sum of three",
    opType: "Sum",
    inputs: { x, b: numbers([3, 1]), c: numbers([1]) },
    outputShape: x.shape,
  },
  { name: "Mean of two", opType: "Mean", inputs: { x, b: numbers([3, 1]) }, outputShape: x.shape },
  {
    name: "Where",
    opType: "Where",
    inputs: { x, other: numbers([4], 3) },
    stored: [mask],
    order: ["mask", "x", "other"],
    outputShape: x.shape,
  },
  reduction("ReduceSum", 11, { axes: { ints: [0, -1] }, keepdims: { int: 0 } }, [3]),
  reduction("ReduceSum", 13, {}, [1, 1, 1]),
  reduction("ReduceMean", 13, { axes: { ints: [1] } }, [2, 1, 4]),
  reduction("ReduceSumSquare", 13, { axes: { ints: [2] } }, [2, 3, 1]),
  reduction("ReduceL2", 13, { axes: { ints: [0, 1] }, keepdims: { int: 0 } }, [4]),
  reduction("ReduceMax", 13, { axes: { ints: [2] }, keepdims: { int: 0 } }, [2, 3]),
  reduction("ReduceMin", 13, { axes: { ints: [2] } }, [2, 3, 1]),
  {
    name: "ReduceMean with axes as input",
    opType: "ReduceMean",
    opset: 18,
    inputs: { x },
    stored: [int64Tensor("axes", [1], [-1])],
    outputShape: [2, 3, 1],
  },
  {
    name: "Squeeze, operator set 11",
    opType: "Squeeze",
    opset: 11,
    inputs: { x: numbers([2, 1, 3, 1]) },
    attributes: { axes: { ints: [1, 3] } },
    outputShape: [2, 3],
  },
  {
    name: "Squeeze of every 1",
    opType: "Squeeze",
    inputs: { x: numbers([2, 1, 3, 1]) },
    outputShape: [2, 3],
  },
  {
    name: "Unsqueeze, operator set 11",
    opType: "Unsqueeze",
    opset: 11,
    inputs: { x },
    attributes: { axes: { ints: [0, 4] } },
    outputShape: [1, 2, 3, 4, 1],
  },
  {
    name: "Unsqueeze with axes as input",
    opType: "Unsqueeze",
    inputs: { x },
    stored: [int64Tensor("axes", [1], [-1])],
    outputShape: [2, 3, 4, 1],
  },
  {
    name: "Slice, operator set 9",
    opType: "Slice",
    opset: 9,
    inputs: { x },
    attributes: { starts: { ints: [1] }, ends: { ints: [-1] }, axes: { ints: [2] } },
    outputShape: [2, 3, 2],
  },
  {
    name: "Pad, operator set 10",
    opType: "Pad",
    opset: 10,
    inputs: { x },
    attributes: { pads: { ints: [0, 1, 2, 0, 0, 1] }, value: { float: 3 } },
    outputShape: [2, 4, 7],
  },
  {
    name: "Pad that cuts",
    opType: "Pad",
    inputs: { x },
    stored: [int64Tensor("pads", [6], [0, -1, 2, 0, 0, -1])],
    outputShape: [2, 2, 5],
  },
  {
    name: "Split, operator set 11, in unequal parts",
    opType: "Split",
    opset: 11,
    inputs: { x },
    attributes: { axis: { int: 2 }, split: { ints: [1, 3] } },
    outputs: ["first", "y"],
    follow: "y",
    outputShape: [2, 3, 3],
  },
  {
    name: "Split by count, the last part smaller",
    opType: "Split",
    opset: 18,
    inputs: { x },
    attributes: { axis: { int: 1 }, num_outputs: { int: 2 } },
    outputs: ["y", "last"],
    follow: "y",
    outputShape: [2, 2, 4],
  },
  {
    name: "Gather with repeated and negative positions",
    opType: "Gather",
    inputs: { x },
    stored: [int64Tensor("indices", [2, 2], [1, 1, -1, 0])],
    attributes: { axis: { int: 1 } },
    outputShape: [2, 2, 2, 4],
  },
  {
    name: "Gather of one position",
    opType: "Gather",
    inputs: { x },
    stored: [int64Tensor("indices", [], [2])],
    attributes: { axis: { int: -1 } },
    outputShape: [2, 3],
  },
  {
    name: "Expand",
    opType: "Expand",
    inputs: { x: numbers([3, 1]) },
    stored: [int64Tensor("shape", [3], [2, 1, 4])],
    outputShape: [2, 3, 4],
  },
  {
    name: "Tile",
    opType: "Tile",
    inputs: { x },
    stored: [int64Tensor("repeats", [3], [2, 1, 3])],
    outputShape: [4, 3, 12],
  },
  {
    name: "DepthToSpace",
    opType: "DepthToSpace",
    inputs: { x: numbers([1, 8, 2, 3]) },
    attributes: { blocksize: { int: 2 } },
    outputShape: [1, 2, 4, 6],
  },
  {
    name: "DepthToSpace, columns first",
    opType: "DepthToSpace",
    inputs: { x: numbers([1, 8, 2, 3]) },
    attributes: { blocksize: { int: 2 }, mode: { string: "CRD" } },
    outputShape: [1, 2, 4, 6],
  },
  {
    name: "SpaceToDepth",
    opType: "SpaceToDepth",
    inputs: { x: numbers([1, 2, 4, 6]) },
    attributes: { blocksize: { int: 2 } },
    outputShape: [1, 8, 2, 3],
  },
  {
    name: "GlobalMaxPool",
    opType: "GlobalMaxPool",
    inputs: { x: numbers([2, 3, 4, 3]) },
    outputShape: [2, 3, 1, 1],
  },
  ...(["Softmax", "LogSoftmax"] as const).map((opType) => ({
    name: `${opType}, operator set 11, over all later axes`,
    opType,
    opset: 11,
    inputs: { x },
    outputShape: x.shape,
  })),
];

function weighted(values: ArrayLike<number | bigint>, weights: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) {
    sum += Number(values[index]) * (weights[index] ?? 0);
  }
  return sum;
}

test.each(cases)("$name", async (each) => {
  const stored = each.stored ?? [];
  const names = each.order ?? [...Object.keys(each.inputs), ...stored.map(({ name }) => name)];
  const outputs = each.outputs ?? ["y"];
  const output = each.follow ?? "y";
  const seed = numbers(each.outputShape, 77);
  const at = (inputs: Readonly<Record<string, Values>>) =>
    runStep(
      {
        opset: each.opset ?? 17,
        nodes: [node(each.opType, names, outputs, each.attributes)],
        inputs,
        initializers: stored,
        output,
      },
      seed,
    );
  const moved = (step: number) =>
    Object.fromEntries(
      Object.entries(each.inputs).map(([name, values], index) => {
        const direction = numbers(values.shape, 40 + index).data;
        const data = Array.from(values.data, (value, i) => value + step * (direction[i] ?? 0));
        return [name, { shape: values.shape, data }];
      }),
    );
  const [here, after, before] = [
    await at(each.inputs),
    await at(moved(STEP)),
    await at(moved(-STEP)),
  ];
  expect(here.values[output]?.dims).toEqual(each.outputShape);
  const difference =
    (weighted(after.values[output]?.data ?? [], seed.data) -
      weighted(before.values[output]?.data ?? [], seed.data)) /
    (2 * STEP);
  const derivative = Object.entries(each.inputs).reduce((sum, [name, values], index) => {
    expect(here.gradients[name]?.dims).toEqual(values.shape);
    const direction = numbers(values.shape, 40 + index).data;
    return sum + weighted(here.gradients[name]?.data ?? [], direction);
  }, 0);
  expect(Math.abs(derivative - difference)).toBeLessThan(
    TOLERANCE * Math.max(Math.abs(difference), 0.1),
  );
});
