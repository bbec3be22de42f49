import { encodeModel } from "../formats/onnx/write.ts";
import { makeValueInfo } from "../graph/builder.ts";
import { constantValue } from "../graph/constants.ts";
import { DataType } from "../graph/data-type.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { bodiesOf } from "../graph/index.ts";
import { float32Tensor } from "../graph/tensor.ts";
import { inferShapes } from "../operators/infer-shapes.ts";
import type { Runtime } from "../runtime/runtime.ts";

/**
 * The graph with what nodes compute of constants alone as initializers: exporters that do not fold
 * constants leave the weights of recurrent layers as slices of parameters.
 */
export async function withComputedConstants(graph: Graph, runtime: Runtime): Promise<Graph> {
  const types = inferShapes(graph);
  const constant = new Set<string>(
    [...graph.initializers.keys()].filter((name) => constantValue(graph, name) !== undefined),
  );
  const nodes = graph.nodes.filter((node) => {
    const computed = dependsOn(node, constant);
    if (computed) for (const output of node.output) constant.add(output);
    return computed;
  });
  const computing = new Set(nodes);
  const readers = graph.nodes.filter((node) => !computing.has(node));
  const read = new Set([
    ...readers.flatMap(({ input }) => input),
    ...graph.outputs.map((o) => o.name),
  ]);
  const wanted = nodes
    .flatMap(({ output }) => output)
    .filter((name) => read.has(name) && types.get(name)?.dataType === DataType.FLOAT)
    .filter((name) => constantValue(graph, name) === undefined);
  if (wanted.length === 0) return graph;
  const outputs = wanted.map((name) =>
    makeValueInfo(name, DataType.FLOAT, types.get(name)?.shape ?? []),
  );
  const part: Graph = {
    ...graph,
    nodes,
    inputs: [],
    outputs,
    valueInfo: [],
    source: { format: "memory" },
  };
  const session = await runtime.createSession(encodeModel(part), { optimization: "disabled" });
  try {
    const results = await session.run({});
    const initializers = new Map(graph.initializers);
    for (const [name, { dims, data }] of Object.entries(results)) {
      initializers.set(name, float32Tensor(name, dims, data as Float32Array));
    }
    const made = new Set(wanted);
    return {
      ...graph,
      initializers,
      nodes: graph.nodes.filter((node) => !node.output.some((output) => made.has(output))),
    };
  } finally {
    await session.release();
  }
}

/** Random numbers and bodies aside, a node computes the same of the same constants. */
function dependsOn(node: Node, constant: ReadonlySet<string>): boolean {
  if (!isStandardDomain(node.domain) || bodiesOf(node).length > 0) return false;
  if (node.opType.startsWith("Random") || node.opType === "Multinomial") return false;
  return node.input.every((name) => name === "" || constant.has(name));
}
