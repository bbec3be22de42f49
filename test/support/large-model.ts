import { open, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { externalFields, filledTensor, modelBytes } from "./model-messages.ts";

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
  const contents = modelBytes({
    name: "large",
    node: each.flatMap((layer) => layerNodes(layer, layer < model.normalized)),
    initializer: each.flatMap((layer) => [
      externalWeight(layer, channels, weightBytes),
      ...(layer < model.normalized ? batchNormTensors(layer, channels) : []),
    ]),
    input: [imageInfo("v0", channels)],
    output: [imageInfo(`v${layers}`, channels)],
  });
  await writeFile(file, contents);
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
    ...externalFields(entries),
  });
}

/** Scale 3, variance 1: a fold multiplies the weight by 3 / sqrt(1 + 1e-5). */
function batchNormTensors(layer: number, channels: number) {
  const values = { scale: 3, bias: 0.5, mean: 0.25, var: 1 };
  return Object.entries(values).map(([name, value]) =>
    filledTensor(`${name}${layer}`, [channels], value),
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
