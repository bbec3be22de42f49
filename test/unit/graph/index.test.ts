import { expect, test } from "vitest";
import { makeNode } from "../../../src/graph/builder.ts";
import { bodiesOf, indexOf } from "../../../src/graph/index.ts";
import { graphOf, ifNode } from "./small-graphs.ts";

test("who makes and who reads a value", () => {
  const first = makeNode("Relu", ["x"], ["a"]);
  const second = makeNode("Add", ["a", "a"], ["y"]);
  const graph = graphOf([first, second]);
  const index = indexOf(graph);
  expect(index.producer("a")).toBe(first);
  expect(index.producer("x")).toBeUndefined();
  expect(index.uses("a")).toEqual([
    { node: second, input: 0 },
    { node: second, input: 1 },
  ]);
  expect(index.uses("y")).toEqual([]);
  expect([index.isInput("x"), index.isOutput("y"), index.isOutput("a")]).toEqual([
    true,
    true,
    false,
  ]);
  expect([index.position(first), index.position(second)]).toEqual([0, 1]);
  expect(indexOf(graph)).toBe(index);
});

test("bodies read from outside, at any depth and by returning a value", () => {
  const inner = ifNode("x", "deep", [makeNode("Relu", ["a"], ["r"])], "r");
  const outer = ifNode("x", "y", [inner], "returned");
  const index = indexOf(graphOf([outer]));
  expect(index.readByBody("a")).toBe(true);
  expect(index.readByBody("returned")).toBe(true);
  expect(index.readByBody("y")).toBe(false);
  expect(bodiesOf(outer)).toHaveLength(1);
});
