import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType, dataTypeName } from "../../../src/graph/data-type.ts";
import { type Graph, requiredInputs } from "../../../src/graph/graph.ts";
import { int64Tensor } from "../../../src/graph/tensor.ts";
import { declaredType, inferShapes, inferTypes } from "../../../src/operators/infer-shapes.ts";
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

/**
 * torch.nn.functional.pad as PyTorch's TorchScript exporter writes it, where a pad is computed from the
 * shape: PyTorch's list starts at the last axis and has begin and end of each, ONNX's has all begins first.
 */
describe("pads that are computed from the shape", () => {
  const [height, width] = ["height", "width"].map((name, index) => ({
    // (4 − size mod 4) mod 4 makes the axis a multiple of 4.
    nodes: [
      node("Gather", ["shape", `axis${index + 1}`], [name]),
      node("Mod", [name, "window"], [`${name} over`]),
      node("Sub", ["window", `${name} over`], [`${name} missing`]),
      node("Mod", [`${name} missing`, "window"], [`${name} pad`]),
      node("Unsqueeze", [`${name} pad`, "first"], [`${name} list`]),
    ],
  }));
  const padded = modelOf({
    nodes: [
      node("Shape", ["x"], ["shape"]),
      ...(height?.nodes ?? []),
      ...(width?.nodes ?? []),
      node("Concat", ["one", "none", "none", "width list", "none", "height list"], ["last"], {
        axis: { int: 0 },
      }),
      node("Concat", ["last", "others"], ["pairs"], { axis: { int: 0 } }),
      node("Reshape", ["pairs", "rows of two"], ["table"]),
      node("Slice", ["table", "end", "before", "first", "end"], ["turned"]),
      node("Transpose", ["turned"], ["columns"], { perm: { ints: [1, 0] } }),
      node("Reshape", ["columns", "end"], ["list"]),
      node("Cast", ["list"], ["pads"], { to: { int: DataType.INT64 } }),
      node("Pad", ["x", "pads"], ["y"]),
    ],
    inputs: { x: { shape: [2, 5, 6, 3], data: numbers([2, 5, 6, 3]).data } },
    initializers: [
      int64Tensor("axis1", [], [1]),
      int64Tensor("axis2", [], [2]),
      int64Tensor("window", [], [4]),
      int64Tensor("first", [1], [0]),
      int64Tensor("none", [1], [0]),
      int64Tensor("one", [1], [1]),
      int64Tensor("others", [2], [0, 0]),
      int64Tensor("rows of two", [2], [-1, 2]),
      int64Tensor("end", [1], [-1]),
      int64Tensor("before", [1], [-Number.MAX_SAFE_INTEGER]),
    ],
    output: "y",
  });

  test("follow from it, and are those that ONNX Runtime computes", async () => {
    const inference = inferTypes(padded, new Map());
    expect(inference.elements("pads")).toEqual([0, 0, 0, 1, 0, 3, 2, 0]);
    const nodes = padded.nodes.map((each, index) => ({ ...each, name: `node ${index}` }));
    const results = await run(
      { ...padded, nodes, outputs: [untyped("pads"), untyped("y")] },
      {
        x: {
          type: "float32",
          dims: [2, 5, 6, 3],
          data: Float32Array.from(numbers([2, 5, 6, 3]).data),
        },
      },
    );
    expect(results.pads?.data).toEqual(BigInt64Array.of(0n, 0n, 0n, 1n, 0n, 3n, 2n, 0n));
    expect(inference.types.get("y")?.shape).toEqual(results.y?.dims);
  });

  test("leave the shape unknown where they are a table that is read in another order", () => {
    const nodes = [
      ...padded.nodes.slice(0, -3),
      node("Concat", ["columns", "columns"], ["beside"], { axis: { int: 1 } }),
      node("Gather", ["columns", "first"], ["row"]),
      node("ReduceProd", ["columns", "first"], ["products"], { keepdims: { int: 0 } }),
    ];
    const inference = inferTypes({ ...padded, nodes, outputs: [untyped("row")] }, new Map());
    expect(inference.elements("columns")).toHaveLength(8);
    for (const name of ["beside", "row", "products"]) {
      expect(inference.elements(name)).toBeUndefined();
    }
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
