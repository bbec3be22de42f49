import { create } from "@bufbuild/protobuf";
import { AttributeProto_AttributeType, AttributeProtoSchema, GraphProtoSchema } from "onnx-buf";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { changeNode } from "../../../src/graph/edit.ts";
import type { Graph, Node } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";

/** A graph of the given nodes with float inputs x, output y and one-element initializers. */
export function graphOf(
  nodes: readonly Node[],
  options: {
    initializers?: readonly string[];
    outputs?: readonly string[];
    inputs?: readonly string[];
    irVersion?: number;
  } = {},
): Graph {
  const builder = new GraphBuilder();
  builder.nodes.push(...nodes);
  for (const name of options.initializers ?? [])
    builder.addInitializer(float32Tensor(name, [1], [1]));
  const info = (name: string) => makeValueInfo(name, DataType.FLOAT, [1]);
  const inputs = (options.inputs ?? ["x"]).map(info);
  const outputs = (options.outputs ?? ["y"]).map(info);
  const graph = builder.build("test", inputs, outputs, 17);
  return { ...graph, irVersion: options.irVersion ?? 8 };
}

/** An If whose branch is the given nodes with one output. */
export function ifNode(
  condition: string,
  output: string,
  body: readonly Node[],
  result: string,
): Node {
  const g = create(GraphProtoSchema, {
    node: body as never,
    output: [makeValueInfo(result, DataType.FLOAT, [1]) as never],
  });
  const branch = create(AttributeProtoSchema, {
    name: "then_branch",
    type: AttributeProto_AttributeType.GRAPH,
    g,
  });
  return changeNode(makeNode("If", [condition], [output]), { attribute: [branch] });
}
