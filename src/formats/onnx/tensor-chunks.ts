import { create, toBinary } from "@bufbuild/protobuf";
import { type TensorProto, TensorProto_DataLocation, TensorProtoSchema } from "onnx-buf";
import type { Tensor } from "../../graph/tensor.ts";
import { type Chunk, concat, fieldHeader, known } from "./chunk.ts";
import { type ExternalLocation, externalEntries } from "./external-data.ts";
import { GraphField, TensorField } from "./fields.ts";

/** A tensor whose data is elsewhere. */
export function externalTensor(tensor: Tensor, place: ExternalLocation): Chunk {
  const bytes = toBinary(TensorProtoSchema, {
    ...tensorHeader(tensor),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: externalEntries(place),
  });
  return known(concat(fieldHeader(GraphField.initializer, bytes.length), bytes));
}

/** What the file said of a tensor beside its data. */
function tensorHeader(tensor: Tensor): TensorProto {
  return create(TensorProtoSchema, {
    name: tensor.name,
    dims: tensor.dims.map(BigInt),
    dataType: tensor.dataType,
    ...(tensor.header === undefined ? {} : describing(tensor.header)),
  });
}

/** A changed tensor: its header, then the data as raw_data. */
export function tensorChunks(tensor: Tensor): Chunk[] {
  const header = tensorHeader(tensor);
  const start = concat(
    toBinary(TensorProtoSchema, header),
    fieldHeader(TensorField.rawData, tensor.data.byteLength),
  );
  const data = dataChunk(tensor);
  return [
    known(fieldHeader(GraphField.initializer, start.length + data.byteLength)),
    known(start),
    data,
  ];
}

/** A tensor's data alone. */
export function dataChunk({ data }: Tensor): Chunk {
  return {
    byteLength: data.byteLength,
    bytes: () => data.read(),
    ...(data.readInto === undefined
      ? {}
      : { copyInto: (target, start) => data.readInto?.(target, start) }),
  };
}

/** The parts of a stored tensor that are not its name, type, shape or data. */
function describing(header: TensorProto) {
  return {
    ...(header.docString === "" ? {} : { docString: header.docString }),
    metadataProps: header.metadataProps,
    ...(header.$unknown === undefined ? {} : { $unknown: header.$unknown }),
  };
}
