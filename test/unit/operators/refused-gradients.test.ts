import { expect, test } from "vitest";
import type { AttributeValue } from "../../../src/graph/attributes.ts";
import { float32Tensor, int64Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { node, numbers, runStep, type Values } from "./step-harness.ts";

/*
 * What an operator can do but its gradient cannot: refused by node and value while the step is built,
 * so before anything runs.
 */

interface Refusal {
  readonly opType: string;
  readonly opset?: number;
  readonly inputs: Readonly<Record<string, Values>>;
  readonly stored?: readonly Tensor[];
  readonly order?: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly output: readonly number[];
  readonly message: string;
}

const recurrent = (
  attributes: Refusal["attributes"],
  message: string,
  lengths?: readonly number[],
): Refusal => ({
  opType: "LSTM",
  inputs: { x: numbers([3, 2, 4]), w: numbers([1, 8, 4], 2), r: numbers([1, 8, 2], 3) },
  ...(lengths === undefined
    ? {}
    : { stored: [int64Tensor("lengths", [2], lengths)], order: ["x", "w", "r", "", "lengths"] }),
  attributes: { hidden_size: { int: 2 }, ...attributes },
  output: [3, 1, 2, 2],
  message,
});

const refusals: readonly Refusal[] = [
  recurrent({ clip: { float: 2 } }, "node lstm: LSTM with the attribute clip has no gradient"),
  recurrent(
    { activations: { strings: ["Sigmoid", "Relu", "Tanh"] } },
    "node lstm: LSTM with the activations Sigmoid, Relu, Tanh has no gradient",
  ),
  recurrent(
    {},
    "node lstm: LSTM with sequence_lens that differ from the length of the sequence or are computed has no gradient",
    [3, 2],
  ),
  {
    opType: "Einsum",
    inputs: { x: numbers([3, 3]) },
    attributes: { equation: { string: "ii->i" } },
    output: [3],
    message:
      'node einsum: Einsum that repeats an index within one operand has no gradient (equation "ii->i")',
  },
  {
    opType: "ScatterElements",
    opset: 18,
    inputs: { x: numbers([4]), updates: numbers([2]) },
    stored: [int64Tensor("places", [2], [1, 3])],
    order: ["x", "places", "updates"],
    attributes: { reduction: { string: "mul" } },
    output: [4],
    message: 'node scatterelements: a scatter with reduction "mul" has no gradient',
  },
  {
    opType: "Resize",
    opset: 19,
    inputs: { x: numbers([1, 1, 2, 2]) },
    stored: [int64Tensor("sizes", [4], [1, 1, 4, 4])],
    order: ["x", "", "", "sizes"],
    attributes: { keep_aspect_ratio_policy: { string: "not_larger" } },
    output: [1, 1, 4, 4],
    message: 'node resize: Resize has a gradient only for keep_aspect_ratio_policy "stretch"',
  },
  {
    opType: "Upsample",
    opset: 9,
    inputs: { x: numbers([1, 1, 2, 4]) },
    stored: [float32Tensor("scales", [4], [1, 1, 2, 0.5])],
    attributes: {},
    output: [1, 1, 4, 2],
    message: "node upsample: Upsample that enlarges some axes and reduces others",
  },
];

test.each(refusals)("$message", async (refusal) => {
  const { inputs, stored = [], attributes } = refusal;
  const names = refusal.order ?? [...Object.keys(inputs), ...stored.map(({ name }) => name)];
  const model = {
    opset: refusal.opset ?? 17,
    nodes: [node(refusal.opType, names, ["y"], attributes)],
    inputs,
    initializers: stored,
    output: "y",
  };
  await expect(runStep(model, numbers(refusal.output))).rejects.toThrow(refusal.message);
});
