import { floatAttribute } from "../../graph/attributes.ts";
import { constantValue } from "../../graph/constants.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import type { InputError } from "../../graph/input-error.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { JsonObject } from "../layers/json.ts";
import { noPlace } from "../no-place.ts";
import { encodedText } from "./attributes.ts";
import { numbersOf } from "./constant-changes.ts";
import { AS_IN_FILE, type ConstantLayout, movedOperand } from "./constant-layout.ts";
import type { NewNumbers } from "./weight-changes.ts";

/** How a value lies in the graph, compared with the file. */
export interface Placement {
  readonly moved: boolean;
  readonly rank: number | undefined;
}

const FLOAT: JsonObject = { type: "DT_FLOAT" };

/** Operators that an edit may add, and TensorFlow's names for them. */
const ARITHMETIC: Readonly<Record<string, string>> = {
  Add: "AddV2",
  Mul: "Mul",
  Sub: "Sub",
  Div: "RealDiv",
  Relu: "Relu",
};

/** A node of the file for one that an edit added, without its name and inputs. */
export interface NewOperation {
  readonly op: string;
  readonly attr: JsonObject;
  readonly operands: readonly NewOperand[];
}

/** A value of the graph, or a constant with its numbers as the file has them. */
export type NewOperand = { readonly value: string } | { readonly numbers: NewNumbers };

/** @throws InputError for an operator that is written as no single node of the file. */
export function newOperation(graph: Graph, node: Node, placement: Placement): NewOperation {
  const { moved, rank } = placement;
  const constants = node.input.map((value) => constantValue(graph, value));
  if (node.opType === "BatchNormalization" && node.domain === "") {
    const image = rank === 4 && moved;
    if (!image || constants.slice(1).includes(undefined)) throw unwritable(node);
    const attr = {
      T: FLOAT,
      U: FLOAT,
      data_format: { s: encodedText("NHWC") },
      epsilon: { f: floatAttribute(node, "epsilon", 1e-5) },
      is_training: { b: false },
    };
    return { op: "FusedBatchNormV3", attr, operands: operandsOf(node, constants, AS_IN_FILE) };
  }
  const op = ARITHMETIC[node.opType];
  if (op === undefined || node.domain !== "") throw unwritable(node);
  const layout = moved && rank !== undefined ? movedOperand(rank) : AS_IN_FILE;
  return { op, attr: { T: FLOAT }, operands: operandsOf(node, constants, layout) };
}

function operandsOf(
  node: Node,
  constants: readonly (Tensor | undefined)[],
  layout: ConstantLayout,
): NewOperand[] {
  return node.input.map((value, index) => {
    const constant = constants[index];
    return constant === undefined ? { value } : { numbers: numbersOf(constant, [], layout) };
  });
}

function unwritable({ opType, name }: Node): InputError {
  const reason =
    opType === "BatchNormalization"
      ? "does not normalize the channels of an image by stored numbers, as TensorFlow's FusedBatchNorm does"
      : "is no operator that a TensorFlow.js graph model is given";
  return noPlace(`the new ${opType} ${name} ${reason}`);
}

/** A Const whose numbers lie in the files of weights under its name. */
export function constNode(name: string, { dims }: NewNumbers): JsonObject {
  const dim = dims.map((size) => ({ size: String(size) }));
  const tensor = { dtype: "DT_FLOAT", tensorShape: { dim } };
  return { name, op: "Const", attr: { value: { tensor }, dtype: FLOAT } };
}

/** The Const with the sizes of its new numbers. */
export function resizedConst(raw: JsonObject, numbers: NewNumbers): JsonObject {
  const fresh = constNode(raw.name as string, numbers);
  return { ...raw, attr: { ...(raw.attr as JsonObject), ...(fresh.attr as JsonObject) } };
}
