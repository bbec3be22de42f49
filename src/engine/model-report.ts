import { modelInputScaling } from "../data/input-scaling-note.ts";
import { findings } from "../findings/registry.ts";
import { dataTypeName } from "../graph/data-type.ts";
import { type Graph, requiredInputs, standardOpset, type ValueInfo } from "../graph/graph.ts";
import type { ModelReport, ValueReport } from "../protocol/reports.ts";
import { graphCount } from "./graph-count.ts";
import { layerRules } from "./layer-rules.ts";

/** The summary that `inspect` prints and the model page's header shows. */
export function modelReport(graph: Graph): ModelReport {
  const rules = layerRules(graph);
  const inputScaling = modelInputScaling(graph);
  return {
    format: graph.source.format === "memory" ? "onnx" : graph.source.format,
    opset: standardOpset(graph),
    irVersion: graph.irVersion,
    producer: graph.producer,
    inputs: requiredInputs(graph).map(valueReport),
    outputs: graph.outputs.map(valueReport),
    ...graphCount(graph),
    ...(rules.length === 0 ? {} : { layerRules: rules }),
    ...(inputScaling === undefined ? {} : { inputScaling }),
    findings: findings(graph),
  };
}

export function valueReport(info: ValueInfo): ValueReport {
  const type = info.type?.value;
  if (type?.case !== "tensorType") {
    return { name: info.name, type: type?.case ?? "unknown", shape: [] };
  }
  const shape = type.value.shape?.dim.map((dim) => {
    if (dim.value.case === "dimValue") return Number(dim.value.value);
    return dim.value.value ?? "?";
  });
  return { name: info.name, type: dataTypeName(type.value.elemType), shape: shape ?? [] };
}
