import { layersModel } from "../formats/layers/from-graph/layers-model.ts";
import {
  carriedOver,
  type LayersTarget,
  type NewModel,
  namedFormat,
  saveModel,
} from "../formats/registry.ts";
import { inTargetFolder } from "../formats/target-folder.ts";
import { makeNode, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, requiredInputs } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { withoutOrigin } from "../graph/node-origin.ts";
import { requireComputed } from "../graph/opaque-node.ts";
import { declaredType } from "../operators/infer-shapes.ts";
import type { DataOptions } from "../protocol/data-options.ts";
import type { Certificate, ConvertReport } from "../protocol/reports.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { compareModels } from "./certificate/compare-models.ts";
import { withComputedConstants } from "./constant-nodes.ts";
import { type RequestContext, savingIn } from "./context.ts";
import { knownShapes } from "./known-shapes.ts";

export interface ConvertRequest {
  readonly target: string;
  /** Whether the result is compared with the model before it is put in place. */
  readonly verify: boolean;
  /** Also compared on this data. */
  readonly data?: string;
  readonly dataOptions?: Partial<DataOptions>;
}

/**
 * Writes a model in the format that the target's name says. Layers stay what they are in another format
 * that can hold them. What is made of layers anew is read again and compared with the model first; where
 * it computes something else, nothing is written.
 *
 * @throws InputError naming the nodes that the format cannot express, or the unknown ending.
 */
export async function convertModel(
  graph: Graph,
  request: ConvertRequest,
  context: RequestContext,
): Promise<ConvertReport> {
  const { target } = request;
  const format = namedFormat(target);
  const names = { from: graph.source.format, to: format.id };
  if (format.layers === undefined || format.id === graph.source.format) {
    const kept = format.id === graph.source.format;
    if (!kept) requireComputed(graph);
    const written = kept ? graph : { ...graph, nodes: graph.nodes.map(withoutOrigin) };
    await saveModel(written, target, savingIn(context));
    return { ...names, nodes: written.nodes.length };
  }
  return { ...names, ...(await writeLayers(graph, format.layers, request, context)) };
}

async function writeLayers(
  graph: Graph,
  format: LayersTarget,
  request: ConvertRequest,
  context: RequestContext,
): Promise<Pick<ConvertReport, "nodes" | "certificate">> {
  if (graph.functions.length > 0) {
    throw new InputError("the model defines operators of its own, which layers cannot express");
  }
  context.progress({ message: "Converting" });
  const carried = await carriedOver(graph, format);
  const made = carried ?? (await madeOfNodes(graph, format));
  const again = await made.read();
  const nodes = again.nodes.length;
  const save = () =>
    inTargetFolder(request.target, () => made.save(request.target, savingIn(context)));
  // What was carried over is known to be the same, and need not be one that can be run.
  const same = carried !== undefined && request.data === undefined;
  if (!request.verify || same) {
    await save();
    return { nodes };
  }
  const certificate = await compared(graph, again, request, context);
  if (certificate.pass) await save();
  return { nodes, certificate };
}

/** A model of new layers that compute what the graph's nodes do. */
async function madeOfNodes(graph: Graph, format: LayersTarget): Promise<NewModel> {
  const computed = await withComputedConstants(graph, await loadRuntime());
  const model = layersModel(computed, knownShapes(computed), format.dialect);
  return format.encode(model, graph.producer);
}

async function compared(
  a: Graph,
  b: Graph,
  { data, dataOptions }: ConvertRequest,
  context: RequestContext,
): Promise<Certificate> {
  return compareModels({
    a: withInputTypes(a, b),
    b,
    runtime: await loadRuntime(),
    signal: context.signal,
    onProgress: context.progress,
    ...(data === undefined ? {} : { data }),
    ...(dataOptions === undefined ? {} : { dataOptions }),
  });
}

/** The model with int32 in place of int64 inputs where the other one, of 32 bits, has such. */
function withInputTypes(graph: Graph, other: Graph): Graph {
  const inputs = requiredInputs(graph);
  const narrowed = inputs.filter((info, position) => {
    const theirs = other.inputs[position];
    const type = declaredType(info)?.dataType;
    return (
      type === DataType.INT64 &&
      theirs !== undefined &&
      declaredType(theirs)?.dataType === DataType.INT32
    );
  });
  if (narrowed.length === 0) return graph;
  const names = new Map(narrowed.map(({ name }) => [name, `${name}:int64`]));
  const casts = narrowed.map(({ name }) =>
    makeNode("Cast", [name], [names.get(name) ?? ""], {
      name: `${name}:int64`,
      attributes: { to: { int: DataType.INT64 } },
    }),
  );
  const nodes = graph.nodes.map((node) =>
    node.input.some((name) => names.has(name))
      ? changeNode(node, { input: node.input.map((name) => names.get(name) ?? name) })
      : node,
  );
  return {
    ...graph,
    inputs: graph.inputs.map((info) =>
      names.has(info.name)
        ? makeValueInfo(info.name, DataType.INT32, declaredType(info)?.shape ?? [])
        : info,
    ),
    nodes: [...casts, ...nodes],
  };
}
