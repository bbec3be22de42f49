import { create } from "@bufbuild/protobuf";
import { TypeProto_TensorSchema, TypeProtoSchema, ValueInfoProtoSchema } from "onnx-buf";
import { makeNode, makeValueInfo } from "../../graph/builder.ts";
import { DataType } from "../../graph/data-type.ts";
import type { ValueInfo } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { isObject, type JsonObject } from "../layers/json.ts";
import type { Size } from "../layers/layer-value.ts";
import { NodeAttributes } from "./attributes.ts";
import { type GraphDef, type NodeDef, referenceText, type TensorReference } from "./graph-def.ts";
import { Operation, type ReadContext } from "./operation.ts";
import { rawSignature } from "./signature.ts";
import type { TensorValue } from "./tensor-value.ts";

/** What a node that the model is fed through takes, as the node states it, or else the signature. */
export function graphInput(
  node: NodeDef,
  document: JsonObject,
): { readonly info: ValueInfo; readonly value: TensorValue } {
  const { name, attributes } = node;
  const shape = attributes.shape("shape") ?? statedShape(name, document);
  if (shape === undefined) {
    throw new InputError(`node ${name}: it states no shape, without which nothing is known`);
  }
  const dataType = attributes.type("dtype") ?? attributes.type("T") ?? DataType.FLOAT;
  const info = makeValueInfo(name, dataType, namedSizes(name, shape));
  return { info, value: { value: name, shape, moved: false, dataType } };
}

function statedShape(name: string, document: JsonObject): readonly Size[] | undefined {
  const inputs = rawSignature(document)?.inputs;
  const entries = isObject(inputs) ? Object.values(inputs).filter(isObject) : [];
  const entry = entries.find((each) => each.name === name || each.name === `${name}:0`);
  const shape = entry?.tensorShape ?? entry?.tensor_shape;
  if (shape === undefined) return undefined;
  return new NodeAttributes({ shape: { shape } }, `signature of ${name}`).shape("shape");
}

function namedSizes(name: string, shape: readonly Size[]) {
  return shape.map((size, axis) => size ?? (axis === 0 ? "batch" : `${name}_${axis}`));
}

/** Outputs in the file's order of axes, each under the name it has there unless that is taken. */
export function graphOutputs(
  context: ReadContext,
  definition: GraphDef,
  outputs: readonly TensorReference[],
  values: ReadonlyMap<string, TensorValue>,
): ValueInfo[] {
  const { builder } = context;
  const seen = new Set<string>();
  return outputs.map((reference) => {
    const text = referenceText(reference);
    const result = values.get(text);
    if (result === undefined) {
      throw new InputError(`the output ${text} is made by no node`);
    }
    const operation = new Operation(
      definition.nodes.get(reference.node) as NodeDef,
      [result],
      context,
    );
    const operand = operation.constant(0)?.value ?? operation.inFileOrder(result);
    let value = operand;
    if (operand !== text || seen.has(text) || result.constant !== undefined) {
      value =
        builder.nodes.some(({ output }) => output.includes(text)) || seen.has(text)
          ? builder.freshName(`${text}/output`)
          : text;
      builder.nodes.push(makeNode("Identity", [operand], [value], { name: value }));
    }
    seen.add(value);
    return outputInfo(value, result);
  });
}

function outputInfo(name: string, { shape, dataType }: TensorValue): ValueInfo {
  if (shape !== undefined) return makeValueInfo(name, dataType, namedSizes(name, shape));
  const value = create(TypeProto_TensorSchema, { elemType: dataType });
  const type = create(TypeProtoSchema, { value: { case: "tensorType", value } });
  return create(ValueInfoProtoSchema, { name, type });
}
