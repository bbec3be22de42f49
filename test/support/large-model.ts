import { open, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";

export interface LargeModel {
  /** Each layer is a 3 × 3 Conv with `channels`² · 36 bytes of weight. */
  readonly layers: number;
  readonly channels: number;
  /** How many of the layers, from the first, have a BatchNorm behind them. */
  readonly normalized: number;
}

/** Name of the data file beside the model. */
export const LARGE_DATA = "weights.bin";

/**
 * Writes a chain of Conv → BatchNorm → Relu whose weights lie in a sparse external file: the first
 * numbers of each weight are 1, 2, 3, 4, all others zero. Takes no disk space to speak of.
 *
 * @returns the size of the data file in bytes.
 */
export async function writeLargeModel(file: string, model: LargeModel): Promise<number> {
  const { channels, layers } = model;
  const weightBytes = channels * channels * 9 * 4;
  const data = await open(join(dirname(file), LARGE_DATA), "w");
  try {
    await data.truncate(weightBytes * layers);
    const start = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    for (let layer = 0; layer < layers; layer++) {
      await data.write(start, 0, start.length, layer * weightBytes);
    }
  } finally {
    await data.close();
  }
  const each = Array.from({ length: layers }, (_, layer) => layer);
  const graph = create(GraphProtoSchema, {
    name: "large",
    node: each.flatMap((layer) => layerNodes(layer, layer < model.normalized)),
    initializer: each.flatMap((layer) => [
      externalWeight(layer, channels, weightBytes),
      ...(layer < model.normalized ? batchNormTensors(layer, channels) : []),
    ]),
    input: [imageInfo("v0", channels)],
    output: [imageInfo(`v${layers}`, channels)],
  });
  const opset = create(OperatorSetIdProtoSchema, { version: 17n });
  const contents = create(ModelProtoSchema, { irVersion: 8n, graph, opsetImport: [opset] });
  await writeFile(file, toBinary(ModelProtoSchema, contents));
  return weightBytes * layers;
}

function layerNodes(layer: number, normalized: boolean) {
  const pads = create(AttributeProtoSchema, {
    name: "pads",
    type: AttributeProto_AttributeType.INTS,
    ints: [1n, 1n, 1n, 1n],
  });
  const node = (
    opType: string,
    input: string[],
    output: string,
    attribute = [] as (typeof pads)[],
  ) =>
    create(NodeProtoSchema, {
      name: `${opType}${layer}`,
      opType,
      input,
      output: [output],
      attribute,
    });
  const parameters = ["scale", "bias", "mean", "var"].map((name) => `${name}${layer}`);
  const convolved = `c${layer}`;
  return [
    node("Conv", [`v${layer}`, `w${layer}`], convolved, [pads]),
    ...(normalized ? [node("BatchNormalization", [convolved, ...parameters], `n${layer}`)] : []),
    node("Relu", [normalized ? `n${layer}` : convolved], `v${layer + 1}`),
  ];
}

function externalWeight(layer: number, channels: number, weightBytes: number) {
  const entries = { location: LARGE_DATA, offset: layer * weightBytes, length: weightBytes };
  return create(TensorProtoSchema, {
    name: `w${layer}`,
    dims: [channels, channels, 3, 3].map(BigInt),
    dataType: TensorProto_DataType.FLOAT,
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value: String(value) }),
    ),
  });
}

/** Scale 3, variance 1: a fold multiplies the weight by 3 / sqrt(1 + 1e-5). */
function batchNormTensors(layer: number, channels: number) {
  const values = { scale: 3, bias: 0.5, mean: 0.25, var: 1 };
  return Object.entries(values).map(([name, value]) =>
    create(TensorProtoSchema, {
      name: `${name}${layer}`,
      dims: [BigInt(channels)],
      dataType: TensorProto_DataType.FLOAT,
      rawData: new Uint8Array(new Float32Array(channels).fill(value).buffer),
    }),
  );
}

function imageInfo(name: string, channels: number) {
  const dim = [1, channels, 4, 4].map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: { case: "dimValue", value: BigInt(size) },
    }),
  );
  const value = create(TypeProto_TensorSchema, {
    elemType: TensorProto_DataType.FLOAT,
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  const type = create(TypeProtoSchema, { value: { case: "tensorType", value } });
  return create(ValueInfoProtoSchema, { name, type });
}
