import { create } from "@bufbuild/protobuf";
import { FunctionProtoSchema, type NodeProto } from "onnx-buf";
import { expect, test } from "vitest";
import { findings } from "../../../src/findings/registry.ts";
import { parseModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";

/** A model that calls a function of its own, "Block", which normalizes. */
function modelWithFunction(): Graph {
  const parameters = ["x", "scale", "shift", "mean", "variance"];
  const normalize = makeNode("BatchNormalization", parameters, ["y"], { name: "bn" });
  const definition = create(FunctionProtoSchema, {
    name: "Block",
    domain: "local",
    input: parameters,
    output: ["y"],
    node: [normalize as NodeProto],
  });
  const builder = new GraphBuilder();
  const output = builder.add("Block", ["x"], { domain: "local", stem: "out" });
  const values = [makeValueInfo("x", DataType.FLOAT, ["N", 3])];
  const results = [makeValueInfo(output, DataType.FLOAT, ["N", 3])];
  return { ...builder.build("g", values, results, 17), functions: [definition] };
}

test("a BatchNorm inside a local function is left, with the function named", () => {
  const graph = parseModel(encodeModel(modelWithFunction()));
  const { graph: after, applied, skipped } = foldBatchNorm.apply(graph, undefined, {});
  expect(applied).toEqual([]);
  expect(skipped).toEqual([
    { node: "Block/bn", reason: expect.stringContaining("inside the local function Block") },
  ]);
  expect(encodeModel(after)).toEqual(encodeModel(graph));
  expect(findings(graph)[0]?.message).toContain("Block/bn is not folded.");
});
