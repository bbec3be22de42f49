import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type ModelProto, ModelProtoSchema, type NodeProto } from "onnx-buf";
import type { Random } from "../../src/data/random.ts";

const EXTREMES = [0n, -1n, 1n, 2n, 7n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];

/**
 * A model that is still well-formed protobuf, but with one thing in it that nobody would write: what
 * random bytes rarely reach.
 */
export function distortedModel(bytes: Uint8Array, random: Random): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const distort = pick(DISTORTIONS, random);
  distort?.(model, random);
  return toBinary(ModelProtoSchema, model);
}

const DISTORTIONS: readonly ((model: ModelProto, random: Random) => void)[] = [
  (model, random) => {
    const attribute = pick(pick(nodes(model), random)?.attribute ?? [], random);
    if (attribute === undefined) return;
    attribute.i = pick(EXTREMES, random) ?? 0n;
    attribute.ints = attribute.ints.map(() => pick(EXTREMES, random) ?? 0n);
    attribute.f = [Number.NaN, -1, 0, 1e38][random.below(4)] as number;
  },
  (model, random) => {
    const attribute = pick(pick(nodes(model), random)?.attribute ?? [], random);
    attribute?.ints.splice(random.below(attribute.ints.length + 1), random.below(4), 3n);
  },
  (model, random) => {
    const attributes = pick(nodes(model), random)?.attribute;
    attributes?.splice(random.below(attributes.length + 1), 1);
  },
  (model, random) => {
    const node = pick(nodes(model), random);
    const other = pick(nodes(model), random);
    if (node !== undefined && other !== undefined) node.opType = other.opType;
  },
  (model, random) => {
    const input = pick(nodes(model), random)?.input;
    input?.splice(random.below(input.length + 1), random.below(2), valueName(model, random));
  },
  (model, random) => {
    const input = pick(nodes(model), random)?.input;
    input?.splice(random.below(input.length + 1), 1 + random.below(2));
  },
  (model, random) => {
    const output = pick(nodes(model), random)?.output;
    output?.splice(random.below(output.length + 1), random.below(2), valueName(model, random));
  },
  (model, random) => {
    const tensor = pick(model.graph?.initializer ?? [], random);
    if (tensor === undefined) return;
    const size = tensor.dims.reduce((product, dim) => product * dim, 1n);
    tensor.dims = [[size], [1n, size], [size, 1n, 1n], [...tensor.dims].reverse()][
      random.below(4)
    ] as bigint[];
  },
  (model, random) => {
    const tensor = pick(model.graph?.initializer ?? [], random);
    if (tensor === undefined) return;
    tensor.dims = [[0n], [], [0n, 3n], [1n]][random.below(4)] as bigint[];
    const elements = Number(tensor.dims.reduce((product, dim) => product * dim, 1n));
    tensor.rawData = new Uint8Array(elements * 4);
  },
  (model, random) => {
    const type = pick(model.graph?.input ?? [], random)?.type?.value;
    if (type?.case !== "tensorType") return;
    const dims = type.value.shape?.dim;
    for (const dim of dims ?? [])
      dim.value = { case: "dimValue", value: pick(EXTREMES, random) ?? 0n };
    dims?.splice(random.below(dims.length + 1), 1);
  },
  (model, random) => {
    for (const opset of model.opsetImport) opset.version = BigInt(random.below(30)) - 2n;
    model.irVersion = BigInt(random.below(12));
  },
];

/** Nodes of the graph and of the bodies in it. */
function nodes(model: ModelProto): NodeProto[] {
  const top = model.graph?.node ?? [];
  return top.flatMap((node) => [node, ...node.attribute.flatMap(({ g }) => g?.node ?? [])]);
}

function valueName(model: ModelProto, random: Random): string {
  const names = nodes(model).flatMap((node) => [...node.input, ...node.output]);
  return pick(names, random) ?? "";
}

function pick<T>(items: readonly T[], random: Random): T | undefined {
  return items[random.below(Math.max(items.length, 1))];
}
