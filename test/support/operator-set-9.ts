import type { AttributeValue } from "../../src/graph/attributes.ts";
import { makeNode } from "../../src/graph/builder.ts";
import { constantValue } from "../../src/graph/constants.ts";
import type { Graph, Node } from "../../src/graph/graph.ts";
import { readNumbers } from "../../src/graph/numbers.ts";

/** Operators whose inputs behind the first were attributes in operator set 9, in their order. */
const ATTRIBUTES: Readonly<Record<string, (...inputs: number[][]) => Attributes>> = {
  Clip: ([min], [max]) => ({
    min: { float: min ?? -Number.MAX_VALUE },
    max: { float: max ?? Number.MAX_VALUE },
  }),
  Dropout: ([ratio]) => ({ ratio: { float: ratio ?? 0.5 } }),
  Pad: (pads, [value]) => ({ pads: { ints: pads }, value: { float: value ?? 0 } }),
};

type Attributes = Readonly<Record<string, AttributeValue>>;

/**
 * The same network as operator set 9 spells it, for a runtime that has stayed there. Convolutions, BatchNorm,
 * pooling, Gemm and what is computed element by element mean the same in it.
 */
export function inOperatorSet9(graph: Graph): Graph {
  const restated = graph.nodes.map((node) => restatedNode(graph, node));
  const read = new Set(restated.flatMap(({ input }) => input));
  for (const { name } of graph.outputs) read.add(name);
  const nodes = restated.filter(
    ({ opType, output }) => opType !== "Constant" || output.some((value) => read.has(value)),
  );
  const initializers = new Map([...graph.initializers].filter(([name]) => read.has(name)));
  // Without a source it is written anew, its operator set as well.
  const source = { format: "restated" };
  return { ...graph, nodes, initializers, opsets: new Map([["", 9]]), source };
}

function restatedNode(graph: Graph, node: Node): Node {
  const attributesOf = ATTRIBUTES[node.opType];
  if (attributesOf === undefined) return node;
  const [data = "", ...rest] = node.input;
  const numbers = rest.map((name) => {
    const tensor = constantValue(graph, name);
    if (tensor === undefined && name !== "")
      throw new Error(`${node.name}: ${name} is no constant`);
    return tensor === undefined ? [] : readNumbers(tensor);
  });
  const attributes = attributesOf(numbers[0] ?? [], numbers[1] ?? []);
  return makeNode(node.opType, [data], node.output, { name: node.name, attributes });
}
