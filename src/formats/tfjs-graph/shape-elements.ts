import { DataType } from "../../graph/data-type.ts";
import type { Size } from "../layers/layer-value.ts";
import type { Operation } from "./operation.ts";

/** a and b are whole numbers, or null for a size that is open. */
const WHOLE_NUMBERS: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  AddV2: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  FloorDiv: (a, b) => Math.floor(a / b),
  Maximum: Math.max,
  Minimum: Math.min,
};

/** What is known of the elements of arithmetic on sizes; one number stands for all of a list. */
export function integerElements(operation: Operation): readonly Size[] | undefined {
  const compute = WHOLE_NUMBERS[operation.node.op];
  const [a, b] = [operation.input(0), operation.input(1)];
  if (compute === undefined || a.dataType !== DataType.INT32) return undefined;
  if (a.elements === undefined || b.elements === undefined) return undefined;
  const count = Math.max(a.elements.length, b.elements.length);
  const at = (list: readonly Size[], index: number) =>
    (list.length === 1 ? list[0] : list[index]) ?? null;
  const results = Array.from({ length: count }, (_, index): Size => {
    const [left, right] = [at(a.elements ?? [], index), at(b.elements ?? [], index)];
    return left === null || right === null ? null : compute(left, right);
  });
  return results.every((size) => size === null || Number.isSafeInteger(size)) ? results : undefined;
}
