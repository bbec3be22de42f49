import { makeAttribute } from "../../../../src/graph/attributes.ts";
import { changeNode } from "../../../../src/graph/edit.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../../src/graph/numbers.ts";
import type { Tensor } from "../../../../src/graph/tensor.ts";
import type { LayerModel } from "./layer-models.ts";

/**
 * A mistake of a fold, made by folding rightly what is not the model: whatever the operator, the
 * result is the one that a fold with this mistake would have had.
 */
export interface LayerMistake {
  readonly name: string;
  readonly applies: (graph: Graph) => boolean;
  readonly change: (model: LayerModel) => Graph;
}

const always = () => true;
const has = (name: string) => (graph: Graph) => graph.initializers.has(name);

export const LAYER_MISTAKES: readonly LayerMistake[] = [
  {
    name: "one channel's scale is 1 % too large",
    applies: always,
    change: ({ graph }) => changed(graph, "gamma", (value, c) => (c === 0 ? value * 1.01 : value)),
  },
  {
    name: "one channel's shift is 1 % of a deviation too large",
    applies: always,
    change: ({ graph }) => changed(graph, "beta", (value, c) => (c === 2 ? value + 0.01 : value)),
  },
  {
    name: "one input or output channel of the weight is 1 % too large",
    applies: always,
    change: ({ graph, axis }) =>
      changed(graph, "weight", (value, i, { dims }) =>
        channel(i, dims, axis) === 3 ? value * 1.01 : value,
      ),
  },
  {
    name: "two halves of the channels, as of two groups, are swapped",
    applies: always,
    change: ({ graph }) =>
      changed(graph, "gamma", (_value, c, { values }) => {
        return values[(c + values.length / 2) % values.length] as number;
      }),
  },
  {
    name: "the scale goes along the wrong axis",
    applies: always,
    change: ({ graph, axis }) => {
      const gamma = numbers(graph, "gamma");
      const variance = numbers(graph, "variance");
      const scale = gamma.map((value, c) => value / Math.sqrt((variance[c] as number) + 1e-3));
      return changed(graph, "weight", (value, i, { dims }) => {
        const right = scale[channel(i, dims, axis)] as number;
        const wrong = scale[channel(i, dims, axis === 0 ? 1 : 0)] as number;
        return (value * wrong) / right;
      });
    },
  },
  {
    name: "the layer's bias is dropped",
    applies: has("bias"),
    change: ({ graph }) => changed(graph, "bias", () => 0),
  },
  {
    name: "the shift is dropped",
    applies: always,
    change: ({ graph }) => changed(graph, "beta", () => 0),
  },
  {
    name: "the mean is forgotten",
    applies: always,
    change: ({ graph }) => changed(graph, "mean", () => 0),
  },
  {
    name: "epsilon is forgotten",
    applies: always,
    change: ({ graph }) => withAttribute(graph, "BatchNormalization", "epsilon", 0),
  },
  {
    name: "the root is forgotten",
    applies: always,
    change: ({ graph }) => changed(graph, "variance", (value) => (value + 1e-3) ** 2 - 1e-3),
  },
  {
    name: "alpha is forgotten",
    applies: (graph) => graph.nodes.some((node) => node.opType === "Gemm"),
    change: ({ graph }) => withAttribute(graph, "Gemm", "alpha", 1),
  },
  {
    name: "beta is forgotten",
    applies: (graph) => graph.nodes.some((node) => node.opType === "Gemm"),
    change: ({ graph }) => withAttribute(graph, "Gemm", "beta", 1),
  },
];

interface Whole {
  readonly dims: readonly number[];
  readonly values: Float64Array;
}

function changed(
  graph: Graph,
  name: string,
  change: (value: number, index: number, whole: Whole) => number,
): Graph {
  const { dims, dataType } = graph.initializers.get(name) as Tensor;
  const values = numbers(graph, name);
  const wrong = values.map((value, index) => change(value, index, { dims, values }));
  const initializers = new Map(graph.initializers);
  return {
    ...graph,
    initializers: initializers.set(name, roundedTensor(name, dims, dataType, wrong)),
  };
}

function numbers(graph: Graph, name: string): Float64Array {
  return readFloat64(graph.initializers.get(name) as Tensor);
}

/** Position along one of the first two axes of the element at a row-major index. */
function channel(index: number, dims: readonly number[], axis: 0 | 1): number {
  const inner = dims.slice(axis + 1).reduce((product, size) => product * size, 1);
  return Math.floor(index / inner) % (dims[axis] as number);
}

function withAttribute(graph: Graph, opType: string, name: string, float: number): Graph {
  const nodes = graph.nodes.map((node) => {
    if (node.opType !== opType) return node;
    const others = node.attribute.filter((attribute) => attribute.name !== name);
    return changeNode(node, { attribute: [...others, makeAttribute(name, { float })] });
  });
  return { ...graph, nodes };
}
