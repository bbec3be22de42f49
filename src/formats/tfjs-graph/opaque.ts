import { DataType } from "../../graph/data-type.ts";
import type { Operand, Operation } from "./operation.ts";
import type { TensorValue } from "./tensor-value.ts";

/** Longer ones hold tables or programs, which say nothing to somebody who reads them. */
const LONGEST_ATTRIBUTES = 4096;

/**
 * A node that has no counterpart: it keeps its operator's name, and its attributes as text. Of its
 * results nothing is known but what its attributes say of their type.
 */
export function opaqueResults(operation: Operation): readonly TensorValue[] {
  const { node, attributes, context } = operation;
  const text = JSON.stringify(attributes.raw);
  const operands = operation.inputs.map((_, index): Operand => operation.operand(index));
  const outputs = context
    .readers(node.name)
    .flatMap(({ inputs }) => inputs.filter((input) => input.node === node.name))
    .map(({ output }) => output);
  const count = Math.max(0, ...outputs) + 1;
  const stated = ["T", "dtype", "DstT", "out_type"].map((name) => attributes.type(name));
  const dataType = stated.find((type) => type !== undefined) ?? DataType.FLOAT;
  return operation
    .addOpaque(
      operands,
      count,
      text.length <= LONGEST_ATTRIBUTES ? { attributes: { string: text } } : {},
    )
    .map((value) => ({ value, moved: false, shape: undefined, dataType }));
}
