import { intAttribute, intsAttribute } from "../../../../graph/attributes.ts";
import { makeNode } from "../../../../graph/builder.ts";
import { constantValue } from "../../../../graph/constants.ts";
import type { Graph, Node } from "../../../../graph/graph.ts";
import { readNumbers } from "../../../../graph/numbers.ts";
import { sameSizes } from "../../weight-layout.ts";
import {
  besideConstant,
  type Composed,
  type Composition,
  madeBy,
  numberOf,
} from "./composition.ts";

/**
 * (x − mean(x))/√(mean((x − mean(x))²) + ε) over the last axes (Ba et al. 2016), as PyTorch's exporter
 * writes it up to opset 16: ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div.
 */
export const layerNormalization: Composition = {
  match({ graph, shapes }: Composed, core: Node) {
    if (core.opType !== "Div") return undefined;
    const [centred = "", deviation = ""] = core.input;
    const root = madeBy(graph, deviation, "Sqrt");
    const sum = root && madeBy(graph, root.input[0] ?? "", "Add");
    const stabilized = sum && besideConstant(graph, sum);
    const epsilon = numberOf(stabilized?.constant);
    const variance = stabilized && madeBy(graph, stabilized.value, "ReduceMean");
    const square = variance && madeBy(graph, variance.input[0] ?? "", "Pow", "Mul");
    const difference = madeBy(graph, centred, "Sub");
    const [x = "", average = ""] = difference?.input ?? [];
    const mean = madeBy(graph, average, "ReduceMean");
    if (epsilon === undefined || square === undefined || mean?.input[0] !== x) return undefined;
    if (variance === undefined || !isSquareOf(graph, square, centred)) return undefined;
    const shape = shapes.shape(x);
    const axes = shape && meanAxes(graph, mean, shape.length);
    const [first] = axes ?? [];
    if (shape === undefined || first === undefined) return undefined;
    if (`${axes}` !== `${meanAxes(graph, variance, shape.length)}`) return undefined;
    const dims = shape.slice(first);
    const last = axes?.length === dims.length && first > 0;
    if (!last || !dims.every((size) => typeof size === "number")) return undefined;
    return {
      dims,
      fits: (tensor) => sameSizes(tensor.dims, dims),
      node: (output, scale, shift) =>
        makeNode("LayerNormalization", [x, scale, shift], [output], {
          name: core.name,
          attributes: { axis: { int: first }, epsilon: { float: epsilon } },
        }),
    };
  },
};

function isSquareOf(graph: Graph, { opType, input }: Node, value: string): boolean {
  const [base = "", exponent = ""] = input;
  const same = (name: string) => name === value || isSameDifference(graph, name, value);
  if (opType === "Mul") return same(base) && same(exponent);
  return same(base) && numberOf(constantValue(graph, exponent)) === 2;
}

/** Some exporters write the difference twice. */
function isSameDifference(graph: Graph, one: string, other: string): boolean {
  const [a, b] = [madeBy(graph, one, "Sub"), madeBy(graph, other, "Sub")];
  return a !== undefined && b !== undefined && `${a.input}` === `${b.input}`;
}

/** The axes of a mean that keeps them, counted from 0 and sorted. */
function meanAxes(graph: Graph, node: Node, rank: number): number[] | undefined {
  if (intAttribute(node, "keepdims", 1) !== 1) return undefined;
  const listed = constantValue(graph, node.input[1] ?? "");
  const axes = intsAttribute(node, "axes") ?? (listed && readNumbers(listed));
  return axes?.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
}
