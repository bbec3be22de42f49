import { create } from "@bufbuild/protobuf";
import { GraphProtoSchema, type NodeProto, type ValueInfoProto } from "onnx-buf";
import { type GraphBuilder, makeNode, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { elementCount } from "../graph/tensor.ts";

/** Numbers of a tensor whose update leaves a processor's cache between one node and the next. */
const LARGE = 2 ** 18;

/** Numbers of a part, of 1 MB: smaller ones take longer to start than they save. */
const LARGEST_PART = 2 ** 18;

/** With more parts, starting each would cost what the cache saves. */
const MOST_PARTS = 1024;

/** A tensor as equal parts one behind the other: [parts, numbers of each]. */
export type Parts = readonly [number, number];

/** @returns undefined for a tensor that is small, or has no divisor to be divided by. */
export function partsOf(dims: readonly number[]): Parts | undefined {
  const numbers = elementCount(dims);
  if (numbers < LARGE) return undefined;
  for (let parts = Math.ceil(numbers / LARGEST_PART); parts <= MOST_PARTS; parts++) {
    if (numbers % parts === 0) return [parts, numbers / parts];
  }
  return undefined;
}

/**
 * Elementwise nodes part by part: a Scan over the parts, whose body they are. One node after the
 * other over the whole tensors would fetch and store each of them in main memory, ten times for Adam.
 *
 * @param inputs the values to go through, of the shape of the parts.
 * @param compute adds the nodes for one part, given its inputs by the same keys; it may read any value
 *   and constant of the graph around it.
 * @returns the values that compute names, by its keys, of the shape of the parts.
 */
export function addInParts<Input extends string, Output extends string>(
  builder: GraphBuilder,
  parts: Parts,
  inputs: ReadonlyMap<Input, string>,
  compute: (part: ReadonlyMap<Input, string>) => ReadonlyMap<Output, string>,
): ReadonlyMap<Output, string> {
  const [, numbers] = parts;
  const part = new Map(
    [...inputs].map(([key, name]) => [key, builder.freshName(`${name}_part`)] as const),
  );
  const before = builder.nodes.length;
  const results = compute(part);
  const info = (name: string) => makeValueInfo(name, DataType.FLOAT, [numbers]) as ValueInfoProto;
  const body = create(GraphProtoSchema, {
    name: "update of a part",
    node: builder.nodes.splice(before) as NodeProto[],
    input: [...part.values()].map(info),
    output: [...results.values()].map(info),
  });
  const outputs = new Map(
    [...results].map(([key, name]) => [key, builder.freshName(`${name}_of_parts`)] as const),
  );
  const [name = "parts"] = outputs.values();
  const attributes = { body: { graph: body }, num_scan_inputs: { int: inputs.size } };
  builder.nodes.push(
    makeNode("Scan", [...inputs.values()], [...outputs.values()], { name, attributes }),
  );
  return outputs;
}
