import { describe, expect, it, test } from "vitest";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { elementCount, float32Tensor, int64Tensor } from "../../../src/graph/tensor.ts";
import { freshParameters } from "../../../src/training/initialize.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { pick, runTraining } from "./run-training.ts";

const HIDDEN = 32;
const GATES: Readonly<Record<string, number>> = { LSTM: 4, GRU: 3, RNN: 1 };

/** The rows of a digit, one after the other, through a recurrent layer whose last state is classified. */
function rowReader(opType: string): Graph {
  const builder = new GraphBuilder(["x"]);
  const gates = GATES[opType] ?? 1;
  const parameter = (name: string, shape: readonly number[]) =>
    builder.addInitializer(float32Tensor(name, shape, new Float32Array(elementCount(shape))));
  const list = (name: string, values: readonly number[]) =>
    builder.addInitializer(int64Tensor(name, [values.length], values));
  const add = (
    kind: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes = {},
  ) =>
    builder.nodes.push(makeNode(kind, inputs, outputs, { name: outputs.at(-1) ?? "", attributes }));
  add("Reshape", ["x", list("rows", [-1, 8, 8])], ["images"]);
  add("Transpose", ["images"], ["steps"], { perm: { ints: [1, 0, 2] } });
  const weights = [
    parameter("w", [1, gates * HIDDEN, 8]),
    parameter("r", [1, gates * HIDDEN, HIDDEN]),
    parameter("b", [1, 2 * gates * HIDDEN]),
  ];
  const linear = opType === "GRU" ? { linear_before_reset: { int: 1 } } : {};
  add(opType, ["steps", ...weights], ["", "last"], { hidden_size: { int: HIDDEN }, ...linear });
  add("Squeeze", ["last", list("first", [0])], ["state"]);
  add("Gemm", ["state", parameter("head", [HIDDEN, 10]), parameter("bias", [10])], ["scores"]);
  const batch = (name: string, rest: readonly number[]) =>
    makeValueInfo(name, DataType.FLOAT, ["N", ...rest]);
  return builder.build("rows", [batch("x", [1, 8, 8])], [batch("scores", [10])], 17);
}

describe("recurrent layers are trained like others", () => {
  test.each(["LSTM", "GRU"])("%s reads digits row by row", async (opType) => {
    const { events } = await runTraining(rowReader(opType), {
      split: { train: 0.6, validation: 0.1, test: 0.3 },
      maxEpochs: 8,
      optimizer: { learningRate: 1e-2 },
    });
    // A tenth would be guessing.
    expect(Number(pick(events, "done")[0]?.testAccuracy)).toBeGreaterThan(0.9);
  });

  it("start within ±1/√H, biases at 0", () => {
    const graph = rowReader("LSTM");
    const values = freshParameters(graph, trainableParameters(graph), 0);
    expect([...values.keys()]).toEqual(["w", "r", "b", "head", "bias"]);
    const limit = 1 / Math.sqrt(HIDDEN);
    for (const name of ["w", "r"]) {
      const largest = Math.max(...(values.get(name) ?? []).map(Math.abs));
      expect(largest).toBeLessThanOrEqual(limit);
      expect(largest).toBeGreaterThan(0.98 * limit);
    }
    expect(new Set(values.get("b"))).toEqual(new Set([0]));
  });
});
