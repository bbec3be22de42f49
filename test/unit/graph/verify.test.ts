import { expect, test } from "vitest";
import { makeNode } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph, Node } from "../../../src/graph/graph.ts";
import { memoryTensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { graphOf, ifNode } from "./small-graphs.ts";

const relu = (from: string, to: string, name = ""): Node =>
  makeNode("Relu", [from], [to], { name });
const short = memoryTensor("w", [2], DataType.FLOAT, new Uint8Array(4));

const VALID: readonly (readonly [string, Graph])[] = [
  ["a chain", graphOf([relu("x", "a"), relu("a", "y")])],
  ["node names that repeat or are empty", graphOf([relu("x", "a", "n"), relu("a", "y", "n")])],
  [
    "an omitted optional input",
    graphOf([makeNode("Clip", ["x", "", "w"], ["y"])], { initializers: ["w"] }),
  ],
  ["a default of an input", graphOf([relu("w", "y")], { initializers: ["w"], inputs: ["x", "w"] })],
  [
    "a body that reads from outside",
    graphOf([relu("x", "a"), ifNode("x", "y", [relu("a", "r")], "r")]),
  ],
  [
    "equal names in two bodies",
    graphOf([ifNode("x", "b", [relu("x", "r")], "r"), ifNode("x", "y", [relu("b", "r")], "r")]),
  ],
];

test.each(VALID)("valid: %s", (_, graph) => {
  expect(verify(graph)).toEqual([]);
});

const INVALID: readonly (readonly [string, Graph])[] = [
  [
    "Node 0 (Relu a) reads b, which is computed only later.",
    graphOf([relu("b", "a"), relu("x", "b"), relu("a", "y")]),
  ],
  ["Node 0 (Relu y) reads z, which nothing defines.", graphOf([relu("z", "y")])],
  [
    "Node 1 (Relu y) defines y, which is defined already.",
    graphOf([relu("x", "y"), relu("x", "y")]),
  ],
  [
    "Node 0 (Relu x) defines x, which is defined already.",
    graphOf([relu("x", "x")], { outputs: ["x"] }),
  ],
  ["Output y is not defined.", graphOf([relu("x", "a")])],
  ["Output y is listed twice.", graphOf([relu("x", "y")], { outputs: ["y", "y"] })],
  [
    'Node 0 (Mystery y) is of domain "com.example", which no operator set imports.',
    graphOf([makeNode("Mystery", ["x"], ["y"], { domain: "com.example" })]),
  ],
  ["Node 0 ( y) has no operator.", graphOf([makeNode("", ["x"], ["y"])])],
  [
    "Node 0 (Relu r) defines r, which is defined already.",
    graphOf([relu("x", "r"), ifNode("x", "y", [relu("x", "r")], "r")]),
  ],
  ["Output q is not defined.", graphOf([ifNode("x", "y", [relu("x", "r")], "q")])],
  [
    "Node 1 (Relu y) reads r, which nothing defines.",
    graphOf([ifNode("x", "a", [relu("x", "r")], "r"), relu("r", "y")]),
  ],
  [
    "Initializer w is no graph input, which IR version 4 allowed first.",
    graphOf([relu("w", "y")], { initializers: ["w"], irVersion: 3 }),
  ],
  [
    "Initializer w has 4 bytes, its type and shape need 8.",
    { ...graphOf([relu("w", "y")]), initializers: new Map([["w", short]]) },
  ],
  [
    "Initializer v holds a tensor named w.",
    { ...graphOf([relu("v", "y")]), initializers: new Map([["v", { ...short, dims: [1] }]]) },
  ],
];

test.each(INVALID)("%s", (problem, graph) => {
  expect(verify(graph)).toEqual([problem]);
});
