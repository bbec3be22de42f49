import type { Size } from "../layers/layer-value.ts";
import { movedOperand } from "./constant-layout.ts";
import type { Operand, Operation } from "./operation.ts";
import type { TensorValue } from "./tensor-value.ts";

/** Operands in one order of axes, as a node reads them. */
export interface AlignedOperands {
  readonly operands: readonly Operand[];
  readonly moved: boolean;
  /** What their shapes make, met from the right. */
  readonly shape: readonly Size[] | undefined;
}

/**
 * Inputs in one order: with the channels as axis 1 where one of them lies so and all others can follow,
 * constants by moving their numbers; in the file's order otherwise.
 */
export function aligned(operation: Operation, indices: readonly number[]): AlignedOperands {
  const inputs = indices.map((index) => operation.input(index));
  const shape = broadcastShape(operation, inputs);
  const rank = shape?.length ?? 0;
  const follows = ({ constant, shape: own }: TensorValue) =>
    own !== undefined && (constant !== undefined || own.length === rank || own.length === 0);
  const moved = inputs.some((input) => input.moved) && inputs.every(follows);
  const operands = indices.map((index): Operand => {
    const input = operation.input(index);
    if (!moved) return operation.operand(index);
    if (input.constant === undefined) return operation.channelsFirst(input);
    const scalar = input.constant.dims.length === 0;
    return operation.constant(index, scalar ? undefined : movedOperand(rank)) as Operand;
  });
  return { operands, moved, shape };
}

/** @throws InputError where sizes do not fit each other. */
export function broadcastShape(
  operation: Operation,
  inputs: readonly TensorValue[],
): readonly Size[] | undefined {
  const shapes = inputs.map(({ shape }) => shape);
  if (shapes.includes(undefined)) return undefined;
  const known = shapes as readonly (readonly Size[])[];
  const rank = Math.max(...known.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis): Size => {
    const sizes = known.map(
      (shape) => shape[axis - rank + shape.length] ?? (axis - rank + shape.length < 0 ? 1 : null),
    );
    const long = sizes.filter((size) => size !== 1);
    const stated = new Set(long.filter((size) => size !== null));
    if (stated.size > 1) {
      operation.refuse(`its inputs do not fit each other: sizes ${[...stated].join(" and ")}`);
    }
    const [only = null] = stated;
    return long.length === 0 ? 1 : only;
  });
}
