import { expect, test } from "vitest";
import { makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { changeGraph, changeNode, takenNames } from "../../../src/graph/edit.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { graphOf, ifNode } from "./small-graphs.ts";

const add = makeNode("Add", ["x", "w"], ["a"]);
const last = makeNode("Relu", ["a"], ["y"]);

test("a changed node keeps what is not changed, also what messages keep on their prototype", () => {
  const changed = changeNode(makeNode("Conv", ["x"], ["y"], { name: "conv" }), { output: ["z"] });
  expect(changed).toMatchObject({ opType: "Conv", name: "conv", input: ["x"], output: ["z"] });
  expect(changed.domain).toBe("");
});

test("replacing keeps the order and drops the initializers that nobody reads any more", () => {
  const graph = graphOf([add, last], { initializers: ["w", "unused"] });
  const replace = new Map([
    [add, [makeNode("Relu", ["x"], ["b"]), makeNode("Relu", ["b"], ["a"])]],
  ]);
  const changed = changeGraph(graph, { replace });
  expect(changed.nodes.map((node) => node.output[0])).toEqual(["b", "a", "y"]);
  expect([...changed.initializers.keys()]).toEqual(["unused"]);
  expect(graph.initializers.size).toBe(2);
});

test("initializers that somebody else reads stay: a node, a body, the caller", () => {
  const without = new Map([[add, [makeNode("Relu", ["x"], ["a"])]]]);
  const shared = graphOf([add, makeNode("Mul", ["a", "w"], ["y"])], { initializers: ["w"] });
  expect(changeGraph(shared, { replace: without }).initializers.has("w")).toBe(true);
  const body = ifNode("x", "y", [makeNode("Relu", ["w"], ["inner"])], "inner");
  const inBody = graphOf([add, body], { initializers: ["w"] });
  expect(changeGraph(inBody, { replace: without }).initializers.has("w")).toBe(true);
  const returned = graphOf([add, last], { initializers: ["w"], outputs: ["y", "w"] });
  expect(changeGraph(returned, { replace: without }).initializers.has("w")).toBe(true);
});

test("nodes that only carried a constant to what is gone go with it, however many", () => {
  const carriers = [
    makeNode("Constant", [], ["c"], { attributes: { value_float: { float: 1 } } }),
    makeNode("Identity", ["c"], ["d"]),
    makeNode("Cast", ["d"], ["w"], { attributes: { to: { int: DataType.FLOAT } } }),
  ];
  const replace = new Map([[add, [makeNode("Relu", ["x"], ["a"])]]]);
  const changed = changeGraph(graphOf([...carriers, add, last]), { replace });
  expect(changed.nodes.map((node) => node.opType)).toEqual(["Relu", "Relu"]);
  const kept = graphOf([...carriers, add, last, makeNode("Relu", ["d"], ["z"])]);
  expect(changeGraph(kept, { replace }).nodes.map((node) => node.opType)).toEqual([
    "Constant",
    "Identity",
    "Relu",
    "Relu",
    "Relu",
  ]);
});

test("before IR version 4 a new initializer is a graph input and a dropped one is none", () => {
  const graph = graphOf([add, last], { initializers: ["w"], inputs: ["x", "w"], irVersion: 3 });
  expect(verify(graph)).toEqual([]);
  const replace = new Map([[add, [makeNode("Add", ["x", "v"], ["a"])]]]);
  const initializers = [float32Tensor("v", [1], [2])];
  const changed = changeGraph(graph, { replace, initializers });
  expect(changed.inputs.map((input) => input.name)).toEqual(["x", "v"]);
  expect(verify(changed)).toEqual([]);
  const newer = changeGraph({ ...graph, irVersion: 4 }, { replace, initializers });
  expect(newer.inputs.map((input) => input.name)).toEqual(["x"]);
});

test("the value_info of a vanished value goes, and only that", () => {
  const valueInfo = ["a", "elsewhere"].map((name) => makeValueInfo(name, DataType.FLOAT, [1]));
  const graph = { ...graphOf([add, last], { initializers: ["w"] }), valueInfo };
  const merged = new Map([
    [add, [makeNode("Add", ["x", "w"], ["y"])]],
    [last, []],
  ]);
  const changed = changeGraph(graph, { replace: merged });
  expect(changed.valueInfo.map((info) => info.name)).toEqual(["elsewhere"]);
  expect(changeGraph(graph, {}).valueInfo).toBe(valueInfo);
});

test("taken names are those of values, nodes, initializers and of everything inside bodies", () => {
  const body = ifNode("x", "y", [makeNode("Relu", ["x"], ["inner"], { name: "relu" })], "inner");
  const names = takenNames(graphOf([add, body], { initializers: ["w"] }));
  for (const name of ["x", "y", "w", "a", "inner", "relu"]) expect(names).toContain(name);
});
