import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType, dataTypeName } from "../../../src/graph/data-type.ts";
import { type Graph, requiredInputs } from "../../../src/graph/graph.ts";
import { int64Tensor } from "../../../src/graph/tensor.ts";
import { declaredType, inferShapes } from "../../../src/operators/infer-shapes.ts";
import { UNKNOWN_SIZE } from "../../../src/operators/operator.ts";
import { modelOf, node, numbers, run, untyped } from "./step-harness.ts";

const samples = fileURLToPath(new URL("../../../media/samples", import.meta.url));
const BATCH = 2;

function batchBindings(graph: Graph): ReadonlyMap<string, number> {
  const names = requiredInputs(graph).flatMap((input) => declaredType(input)?.shape ?? []);
  return new Map(names.flatMap((size) => (typeof size === "string" ? [[size, BATCH]] : [])));
}

describe("shapes are those that ONNX Runtime computes", () => {
  const models = readdirSync(samples).filter((name) => name.endsWith(".onnx"));

  test.each(models)("%s", async (name) => {
    const stated = await readModel(`${samples}/${name}`);
    const graph: Graph = { ...stated, valueInfo: [] };
    const bindings = batchBindings(graph);
    const types = inferShapes(graph, bindings);
    const feeds = Object.fromEntries(
      requiredInputs(graph).map((input) => {
        const shape = (declaredType(input, bindings)?.shape ?? []) as number[];
        const { data } = numbers(shape);
        return [
          input.name,
          { type: "float32" as const, dims: shape, data: Float32Array.from(data) },
        ];
      }),
    );
    const values = graph.nodes.flatMap((each) => each.output.filter((output) => output !== ""));
    const results = await run({ ...graph, outputs: values.map(untyped) }, feeds);
    const actual = values.map((value) => [value, results[value]?.type, results[value]?.dims]);
    const inferred = values.map((value) => {
      const type = types.get(value);
      return [value, type && dataTypeName(type.dataType), type?.shape];
    });
    expect(inferred).toEqual(actual);
  });

  test.each(models)("%s keeps the name of the batch", async (name) => {
    const graph = await readModel(`${samples}/${name}`);
    const [input] = requiredInputs(graph);
    const batch = input && declaredType(input)?.shape[0];
    const types = inferShapes({ ...graph, valueInfo: [], outputs: graph.outputs });
    const [output] = graph.outputs;
    expect(types.get(output?.name ?? "")?.shape[0]).toBe(batch);
  });
});

describe("targets computed from shapes", () => {
  /** view(N, −1) as exporters write it: Shape → Gather → Unsqueeze → Concat → Reshape. */
  const view = modelOf({
    nodes: [
      node("Shape", ["x"], ["shape"]),
      node("Gather", ["shape", "zero"], ["batch"], { axis: { int: 0 } }),
      node("Unsqueeze", ["batch", "axis"], ["column"]),
      node("Concat", ["column", "rest"], ["target"], { axis: { int: 0 } }),
      node("Reshape", ["x", "target"], ["y"]),
    ],
    inputs: { x: { shape: [1, 3, 4], data: [] } },
    initializers: [
      int64Tensor("zero", [], [0]),
      int64Tensor("axis", [1], [0]),
      int64Tensor("rest", [1], [-1]),
    ],
    output: "y",
  });

  test("keep the name of a size", () => {
    const named = { ...view, inputs: [makeValueInfo("x", DataType.FLOAT, ["N", 3, 4])] };
    expect(inferShapes(named).get("y")?.shape).toEqual(["N", 12]);
  });

  test("take the size that is bound to the name", () => {
    const named = { ...view, inputs: [makeValueInfo("x", DataType.FLOAT, ["N", 3, 4])] };
    expect(inferShapes(named, new Map([["N", 5]])).get("y")?.shape).toEqual([5, 12]);
  });

  test("stay unknown in size, not in rank, when a size has no name", () => {
    const unnamed = { ...view, inputs: [makeValueInfo("x", DataType.FLOAT, ["", 3, 4])] };
    expect(inferShapes(unnamed).get("y")?.shape).toEqual([UNKNOWN_SIZE, UNKNOWN_SIZE]);
    expect(inferShapes(unnamed, new Map([[UNKNOWN_SIZE, 5]])).get("y")?.shape).toEqual([5, 12]);
  });
});

describe("what cannot be inferred", () => {
  const odd = modelOf({
    nodes: [
      node("NoSuchOperator", ["x"], ["unknown"]),
      node("Transpose", ["x"], ["bent"], { perm: { ints: [7, 9] } }),
      node("Conv", ["x", "x"], ["shrunk"], { kernel_shape: { ints: [3] } }),
      node("Relu", ["unknown"], ["after"]),
    ],
    inputs: { x: { shape: [2, 3], data: [] } },
    output: "after",
  });

  test("is left out, and nothing is thrown", () => {
    const types = inferShapes(odd);
    expect(types.has("unknown")).toBe(false);
    expect(types.has("after")).toBe(false);
    expect(types.has("shrunk")).toBe(false);
  });

  test("is taken from the file's own statements", () => {
    const stated = { ...odd, valueInfo: [makeValueInfo("unknown", DataType.FLOAT, ["N", 7])] };
    expect(inferShapes(stated).get("after")).toEqual({ dataType: DataType.FLOAT, shape: ["N", 7] });
  });
});
