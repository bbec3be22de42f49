import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";

interface WeightFields {
  readonly dims: readonly bigint[];
  readonly dataType?: number;
  readonly rawData?: Uint8Array<ArrayBuffer>;
  readonly floatData?: number[];
  readonly external?: Readonly<Record<string, string>>;
}

/** A model whose one initializer "w" is as stated, true or not. */
export function modelWithWeight(fields: WeightFields): Uint8Array {
  const external = Object.entries(fields.external ?? {}).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value }),
  );
  const weight = create(TensorProtoSchema, {
    name: "w",
    dims: [...fields.dims],
    dataType: fields.dataType ?? TensorProto_DataType.FLOAT,
    ...(fields.rawData === undefined ? {} : { rawData: fields.rawData }),
    floatData: fields.floatData ?? [],
    externalData: external,
    ...(external.length === 0 ? {} : { dataLocation: TensorProto_DataLocation.EXTERNAL }),
  });
  const node = create(NodeProtoSchema, { opType: "Identity", input: ["w"], output: ["y"] });
  const graph = create(GraphProtoSchema, { name: "g", node: [node], initializer: [weight] });
  const opsetImport = [create(OperatorSetIdProtoSchema, { version: 17n })];
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, graph, opsetImport }),
  );
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
  const initializer = Object.entries(weights).map(([name, dims]) =>
    create(TensorProtoSchema, {
      name,
      dims: dims.map(BigInt),
      dataType: TensorProto_DataType.FLOAT,
      rawData: new Uint8Array(
        new Float32Array(dims.reduce((product, dim) => product * dim, 1)).fill(1).buffer,
      ),
    }),
  );
  const graph = create(GraphProtoSchema, {
    name: "g",
    node: nodes.map((node) => create(NodeProtoSchema, { ...node, name: node.output[0] ?? "" })),
    initializer,
    input: [create(ValueInfoProtoSchema, { name: "x" })],
    output: [create(ValueInfoProtoSchema, { name: nodes.at(-1)?.output[0] ?? "" })],
  });
  const opsetImport = [create(OperatorSetIdProtoSchema, { version: 17n })];
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, graph, opsetImport }),
  );
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
