import { create, toBinary } from "@bufbuild/protobuf";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
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
