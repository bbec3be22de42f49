import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { externalFields, filledTensor, modelBytes } from "./model-messages.ts";

interface WeightFields {
  readonly dims: readonly bigint[];
  readonly dataType?: number;
  readonly rawData?: Uint8Array<ArrayBuffer>;
  readonly floatData?: number[];
  readonly external?: Readonly<Record<string, string>>;
}

/** A model whose one initializer "w" is as stated, true or not. */
export function modelWithWeight(fields: WeightFields): Uint8Array {
  const weight = create(TensorProtoSchema, {
    name: "w",
    dims: [...fields.dims],
    dataType: fields.dataType ?? TensorProto_DataType.FLOAT,
    ...(fields.rawData === undefined ? {} : { rawData: fields.rawData }),
    floatData: fields.floatData ?? [],
    ...(fields.external === undefined ? {} : externalFields(fields.external)),
  });
  const node = create(NodeProtoSchema, { opType: "Identity", input: ["w"], output: ["y"] });
  return modelBytes({ name: "g", node: [node], initializer: [weight] });
}

interface NodeFields {
  readonly opType: string;
  readonly input: string[];
  readonly output: string[];
}

/** A model over float inputs "x" [1, 2, 4, 4] that consists of the nodes as stated. */
export function modelWithNodes(
  nodes: readonly NodeFields[],
  weights: Readonly<Record<string, readonly number[]>> = {},
): Uint8Array {
  return modelBytes({
    name: "g",
    node: nodes.map((node) => create(NodeProtoSchema, { ...node, name: node.output[0] ?? "" })),
    initializer: Object.entries(weights).map(([name, dims]) => filledTensor(name, dims, 1)),
    input: [create(ValueInfoProtoSchema, { name: "x" })],
    output: [create(ValueInfoProtoSchema, { name: nodes.at(-1)?.output[0] ?? "" })],
  });
}

/** A model of one If whose branch holds an If, and so on; encoded from the inside out. */
export function nestedModel(depth: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const prepend = (bytes: Uint8Array) => {
    pieces.push(bytes);
    length += bytes.length;
  };
  const wrap = (field: number) =>
    prepend(new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish());
  prepend(toBinary(NodeProtoSchema, create(NodeProtoSchema, { opType: "If", output: ["y"] })));
  for (let level = 0; level < depth; level++) {
    for (const field of [NODE_OF_GRAPH, GRAPH_OF_ATTRIBUTE, ATTRIBUTE_OF_NODE]) wrap(field);
  }
  for (const field of [NODE_OF_GRAPH, GRAPH_OF_MODEL]) wrap(field);
  return new Uint8Array(Buffer.concat([IR_VERSION_8, ...pieces.reverse()]));
}

const IR_VERSION_8 = Uint8Array.of(0x08, 8);
const NODE_OF_GRAPH = 1;
const ATTRIBUTE_OF_NODE = 5;
const GRAPH_OF_ATTRIBUTE = 6;
const GRAPH_OF_MODEL = 7;
