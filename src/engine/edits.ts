import { equals } from "@bufbuild/protobuf";
import { type NodeProto, NodeProtoSchema } from "onnx-buf";
import { readModel } from "../formats/registry.ts";
import { dataTypeName } from "../graph/data-type.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { checkedOptions } from "../passes/options.ts";
import { findPass } from "../passes/registry.ts";
import type { Edit } from "../protocol/engine.ts";
import { separateParameters } from "../training/separate-parameters.ts";
import type { RequestContext } from "./context.ts";
import { changedBy } from "./run-pass.ts";

/** The graph after one edit. Deterministic, so that replaying a list of edits gives the same graph. */
export async function applyEdit(graph: Graph, edit: Edit, context: RequestContext): Promise<Graph> {
  if (edit.kind === "pass") {
    const pass = findPass(edit.pass);
    const options = checkedOptions(pass, edit.options);
    return (await changedBy(pass, graph, { ...edit, options }, context)).graph;
  }
  const trained = await readModel(edit.path);
  return edit.kind === "weights"
    ? replaceWeights(separateParameters(graph), trained, edit.path)
    : replaceModel(graph, trained);
}

/**
 * Takes over every initializer of the same name from a trained copy of the model. Training gives
 * parameters that were stored together a tensor each, so this model must have them apart as well.
 */
function replaceWeights(graph: Graph, trained: Graph, file: string): Graph {
  const initializers = new Map(graph.initializers);
  for (const [name, tensor] of graph.initializers) {
    const other = trained.initializers.get(name);
    if (other === undefined) throw new InputError(`has no weights for ${name}`, file);
    const same = other.dataType === tensor.dataType && `${other.dims}` === `${tensor.dims}`;
    if (!same) {
      throw new InputError(
        `${name} is ${dataTypeName(other.dataType)} [${other.dims}], the model has ${dataTypeName(tensor.dataType)} [${tensor.dims}]`,
        file,
      );
    }
    initializers.set(name, other);
  }
  return { ...graph, initializers };
}

/**
 * The trained model in place of this one. Nodes that training's passes left alone stay the objects
 * they were, by which the page tells what has changed.
 */
function replaceModel(graph: Graph, trained: Graph): Graph {
  const known = new Map(graph.nodes.map((node) => [node.output.join("\n"), node]));
  const nodes = trained.nodes.map((node) => {
    const before = known.get(node.output.join("\n"));
    if (before === undefined) return node;
    return equals(NodeProtoSchema, before as NodeProto, node as NodeProto) ? before : node;
  });
  // A model of another format was trained as ONNX; its nodes still know their layers.
  const other = graph.source.format !== trained.source.format;
  return { ...trained, nodes, ...(other ? { source: graph.source } : {}) };
}
