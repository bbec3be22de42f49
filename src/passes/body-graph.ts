import { create } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  GraphProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
} from "onnx-buf";
import { makeValueInfo } from "../graph/builder.ts";
import { constantValue } from "../graph/constants.ts";
import { changeNode } from "../graph/edit.ts";
import type { Graph, Immutable, Node, ValueInfo } from "../graph/graph.ts";
import { type Body, bodiesOf } from "../graph/index.ts";
import { messageTensor, tensorMessage } from "../graph/message-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import { valueTypes } from "./value-types.ts";

/** The first IR version in which an initializer need not be a graph input, which a body's never is. */
const INITIALIZERS_WITHOUT_INPUTS = 4;

/** A body (of If, Loop or Scan) as a graph of its own, in which a pass can work. */
export interface BodyGraph {
  readonly graph: Graph;
  /** Values of the graphs around it, which stand in the view and not in the body. */
  readonly captured: ReadonlySet<string>;
}

/**
 * The view of a body. Constants of the graphs around it are initializers of the view, so that
 * patterns can read them, and outputs as well, so that nobody overwrites or drops them: a fold
 * copies what it changes. Other values from outside are inputs of the view.
 */
export function bodyGraph(outer: Graph, body: Body): BodyGraph {
  const initializers = new Map<string, Tensor>();
  const inputs: ValueInfo[] = [...body.input];
  const outputs: ValueInfo[] = [...body.output];
  for (const message of body.initializer) {
    if (message.dataLocation === TensorProto_DataLocation.EXTERNAL) continue;
    initializers.set(message.name, messageTensor(message));
  }
  const captured = valuesFromOutside(body);
  for (const name of captured) {
    const constant = constantValue(outer, name);
    const type = valueTypes(outer).get(name);
    if (constant !== undefined) {
      initializers.set(name, { ...constant, name });
      outputs.push(makeValueInfo(name, constant.dataType, constant.dims));
    } else if (type !== undefined) {
      inputs.push(makeValueInfo(name, type.dataType, type.shape));
    }
  }
  const graph: Graph = {
    ...outer,
    name: body.name,
    nodes: body.node,
    initializers,
    inputs,
    outputs,
    valueInfo: body.valueInfo,
    functions: [],
    irVersion: Math.max(outer.irVersion, INITIALIZERS_WITHOUT_INPUTS),
  };
  return { graph, captured };
}

/** Names that a body reads, also in bodies of its own, and does not define. */
function valuesFromOutside(body: Body): Set<string> {
  const outside = new Set<string>();
  const visit = (each: Body, around: ReadonlySet<string>): void => {
    const defined = new Set(around);
    for (const { name } of [...each.input, ...each.initializer]) defined.add(name);
    for (const node of each.node) for (const output of node.output) defined.add(output);
    const read = (name: string) => {
      if (name !== "" && !defined.has(name)) outside.add(name);
    };
    for (const node of each.node) {
      for (const value of node.input) read(value);
      for (const inner of bodiesOf(node)) visit(inner, defined);
    }
    for (const { name } of each.output) read(name);
  };
  visit(body, new Set());
  return outside;
}

/** The node with other bodies, in the order in which bodiesOf lists them. */
export function withBodies(node: Node, bodies: readonly Body[]): Node {
  const rest = [...bodies];
  const next = (old: Body): Body => rest.shift() ?? old;
  const attribute = node.attribute.map((each) => {
    if (each.g === undefined && each.graphs.length === 0) return each;
    const g = each.g === undefined ? undefined : next(each.g);
    const changes = { g, graphs: each.graphs.map(next) };
    return Object.assign(Object.create(Object.getPrototypeOf(each)), each, changes);
  });
  return changeNode(node, { attribute: attribute as Immutable<AttributeProto>[] });
}

/** The body of an edited view: tensors that the edit left alone stay the messages they were. */
export function bodyOf(old: Body, { captured }: BodyGraph, before: Graph, after: Graph): Body {
  const messages = new Map(old.initializer.map((message) => [message.name, message]));
  const initializer: Immutable<TensorProto>[] = [];
  for (const message of old.initializer) {
    if (message.dataLocation === TensorProto_DataLocation.EXTERNAL) initializer.push(message);
  }
  for (const [name, tensor] of after.initializers) {
    if (captured.has(name)) continue;
    const unchanged = before.initializers.get(name) === tensor ? messages.get(name) : undefined;
    initializer.push(unchanged ?? tensorMessage(tensor));
  }
  const changes = { node: after.nodes, initializer, valueInfo: after.valueInfo };
  return Object.assign(create(GraphProtoSchema), old, changes) as Body;
}
