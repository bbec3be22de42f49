import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from "onnx-buf";

/** Pieces of ONNX files, written as messages: the builder of the product refuses what is wrong. */

/** The bytes of a model of opset 17 with this graph, whatever is in it. */
export function modelBytes(graph: MessageInitShape<typeof GraphProtoSchema>): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    graph: create(GraphProtoSchema, graph),
    opsetImport: [create(OperatorSetIdProtoSchema, { version: 17n })],
  });
  return toBinary(ModelProtoSchema, model);
}

/** A float tensor that has the same number everywhere. */
export function filledTensor(name: string, dims: readonly number[], value: number): TensorProto {
  const elements = dims.reduce((product, dim) => product * dim, 1);
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: TensorProto_DataType.FLOAT,
    rawData: new Uint8Array(new Float32Array(elements).fill(value).buffer),
  });
}

/** The fields of a tensor whose data lies in another file, as these entries say. */
export function externalFields(entries: Readonly<Record<string, string | number>>) {
  return {
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value: String(value) }),
    ),
  };
}
