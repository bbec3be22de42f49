import { intAttribute, makeAttribute } from "../../graph/attributes.ts";
import { constantValue } from "../../graph/constants.ts";
import { DataType, dataTypeName, isFloatingPoint } from "../../graph/data-type.ts";
import { changeNode } from "../../graph/edit.ts";
import { type Graph, type Node, STANDARD_DOMAIN, standardOpset } from "../../graph/graph.ts";
import { readFloat64, roundedTensor } from "../../graph/numbers.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { isBatchNormalization } from "../../passes/batch-normalization.ts";

/** The first opset with the present form of most operators, which ONNX Runtime has kernels for. */
const RUNNABLE_OPSET = 9;

/** The opset since which arithmetic broadcasts by itself and BatchNorm has no is_test. */
const FIRST_OPSET_WITH_BROADCASTING = 7;

/** Operators that opset 9 defines as opset 1 and 6 did, besides BatchNorm at inference. */
const UNCHANGED: ReadonlySet<string> = new Set(
  "Conv ConvTranspose MatMul Transpose Flatten Relu Sigmoid Tanh Identity Concat Constant".split(
    " ",
  ),
);

/** A graph that means the same, or nearly so, in operators and types that have a kernel. */
export interface RunnableForm {
  /** "in float32 instead of bfloat16", for the certificate's sentence; undefined for as it is. */
  readonly words: string | undefined;
  change(graph: Graph): Graph;
}

/** Forms to try, the file's own first. Both sides of a comparison take the same one. */
export function runnableForms(graph: Graph): readonly RunnableForm[] {
  const asItIs: RunnableForm = { words: undefined, change: (each) => each };
  const type = narrowOrWide(graph);
  const old = standardOpset(graph) < FIRST_OPSET_WITH_BROADCASTING;
  if ((type === undefined && !old) || (old && !graph.nodes.every(hasSameForm))) return [asItIs];
  const words = [
    ...(type === undefined ? [] : [`in float32 instead of ${dataTypeName(type)}`]),
    ...(old ? ["with BatchNormalization as opset 9 has it"] : []),
  ].join(" and ");
  const change = (each: Graph) => {
    const renewed = old ? inNewerOpset(each) : each;
    return type === undefined ? renewed : inFloat32(renewed);
  };
  return [asItIs, { words, change }];
}

/** A floating-point type that has few kernels, bfloat16 before float64. */
function narrowOrWide(graph: Graph): DataType | undefined {
  const types = new Set([...graph.initializers.values()].map((tensor) => tensor.dataType));
  for (const node of graph.nodes) {
    const tensor = constantValue(graph, node.output[0] ?? "");
    if (tensor !== undefined) types.add(tensor.dataType);
  }
  return [DataType.BFLOAT16, DataType.DOUBLE].find((type) => types.has(type));
}

function hasSameForm(node: Node): boolean {
  // spatial = 0, statistics for each position, went with opset 9.
  if (isBatchNormalization(node)) return intAttribute(node, "spatial", 1) !== 0;
  return UNCHANGED.has(node.opType);
}

function inNewerOpset(graph: Graph): Graph {
  const renewed = (node: Node) =>
    isBatchNormalization(node)
      ? changeNode(node, {
          attribute: node.attribute.filter((attribute) => attribute.name === "epsilon"),
        })
      : node;
  const opsets = new Map(graph.opsets).set(STANDARD_DOMAIN, RUNNABLE_OPSET);
  return { ...graph, nodes: graph.nodes.map(renewed), opsets };
}

/**
 * Every stored floating-point number as float32: exact for the narrower types, which is what the
 * comparison is about, and rounded alike on both sides for float64.
 */
function inFloat32(graph: Graph): Graph {
  const initializers = new Map<string, Tensor>();
  for (const [name, tensor] of graph.initializers) initializers.set(name, asFloat32(tensor, name));
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const [output = ""] = node.output;
    if (node.opType === "Constant") {
      const tensor = constantValue(graph, output);
      if (tensor === undefined || !isFloatingPoint(tensor.dataType)) return [node];
      initializers.set(output, asFloat32(tensor, output));
      return [];
    }
    if (node.opType !== "Cast" || !isFloatingPoint(intAttribute(node, "to", 0))) return [node];
    return [changeNode(node, { attribute: [makeAttribute("to", { int: DataType.FLOAT })] })];
  });
  return { ...graph, nodes, initializers };
}

function asFloat32(tensor: Tensor, name: string): Tensor {
  if (!isFloatingPoint(tensor.dataType) || tensor.dataType === DataType.FLOAT) return tensor;
  return roundedTensor(name, tensor.dims, DataType.FLOAT, readFloat64(tensor));
}
