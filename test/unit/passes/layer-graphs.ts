import { seededRandom } from "../../../src/data/random.ts";
import { type Dimension, GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../src/graph/numbers.ts";
import { elementCount, type Tensor } from "../../../src/graph/tensor.ts";

/** A graph of a few layers that a test puts together. */
export class LayerGraph {
  readonly builder = new GraphBuilder(["x"]);
  readonly #random = seededRandom(5, "layer graph");

  constructor(readonly dataType: DataType = DataType.FLOAT) {}

  tensor(name: string, dims: readonly number[]): string {
    const count = elementCount(dims);
    const values = Float64Array.from({ length: count }, () => this.#random.normal());
    return this.builder.addInitializer(roundedTensor(name, dims, this.dataType, values));
  }

  /** A node named like its result. */
  node(
    opType: string,
    inputs: readonly string[],
    name: string,
    attributes: Parameters<GraphBuilder["add"]>[2] = {},
  ): string {
    return this.builder.add(opType, inputs, { stem: name, name, ...attributes });
  }

  graph(
    input: readonly Dimension[],
    outputs: Readonly<Record<string, readonly Dimension[]>>,
    opset = 17,
  ): Graph {
    const info = (name: string, shape: readonly Dimension[]) =>
      makeValueInfo(name, this.dataType, shape);
    const results = Object.entries(outputs).map(([name, shape]) => info(name, shape));
    return this.builder.build("layers", [info("x", input)], results, opset);
  }
}

/** x → Gemm fc1 → Relu relu → Gemm fc2 → y. */
export function perceptron(dataType: DataType = DataType.FLOAT): Graph {
  const layers = new LayerGraph(dataType);
  const hidden = layers.node(
    "Gemm",
    ["x", layers.tensor("w1", [6, 5]), layers.tensor("b1", [5])],
    "fc1",
  );
  const bent = layers.node("Relu", [hidden], "relu");
  layers.node("Gemm", [bent, layers.tensor("w2", [5, 3]), layers.tensor("b2", [3])], "fc2");
  return layers.graph([4, 6], { fc2: [4, 3] });
}

export function numbersOf(graph: Graph, name: string | undefined): Float64Array {
  return readFloat64(graph.initializers.get(name ?? "") as Tensor);
}

export function nodeNamed(graph: Graph, name: string) {
  const node = graph.nodes.find((each) => each.name === name);
  if (node === undefined) throw new Error(`no node ${name}`);
  return node;
}

export function operatorsOf(graph: Graph): string[] {
  return graph.nodes.map(({ opType }) => opType);
}
