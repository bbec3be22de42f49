import { valueAxis } from "../layers/layer-value.ts";
import type { Operation } from "./operation.ts";
import { isRanked } from "./tensor-value.ts";

/**
 * The axes that a constant input states, counted from 0 and each once.
 *
 * @returns undefined where the input is computed while the model runs.
 * @throws InputError for an axis that the value has not.
 */
export function constantAxes(
  operation: Operation,
  index: number,
  rank: number,
): readonly number[] | undefined {
  const numbers = operation.numbers(index);
  return numbers && countedAxes(operation, numbers, rank);
}

export function countedAxes(
  operation: Operation,
  stated: readonly number[],
  rank: number,
): readonly number[] {
  const axes = stated.map((axis) => (axis < 0 ? axis + rank : axis));
  const valid = axes.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank);
  if (!valid || new Set(axes).size !== axes.length) {
    operation.refuse(`its axes are [${stated}]; its input has ${rank}`);
  }
  return [...axes].sort((a, b) => a - b);
}

/** The single axis that a constant input states; undefined where it is computed. */
export function constantAxis(
  operation: Operation,
  index: number,
  rank: number,
): number | undefined {
  const axes = constantAxes(operation, index, rank);
  if (axes !== undefined && axes.length !== 1) {
    operation.refuse(`its axis is [${axes}]; one axis is needed`);
  }
  return axes?.[0];
}

/**
 * The first input for an operator that takes the given axes away, or keeps them with size 1: as it lies
 * where what is left then lies in the file's order, or keeps all its axes.
 *
 * @returns `places` are the axes in the value.
 */
export function placedForAxes(
  operation: Operation,
  axes: readonly number[],
  keeps: boolean,
): { readonly value: string; readonly moved: boolean; readonly places: readonly number[] } {
  const input = operation.input(0);
  const rank = operation.shape(0).length;
  const left = Array.from({ length: rank }, (_, axis) => axis).filter(
    (axis) => !axes.includes(axis),
  );
  const positionsLeft = left.some((axis) => axis > 0 && axis < rank - 1);
  const stays = keeps || !(positionsLeft && left.includes(rank - 1));
  if (input.moved && isRanked(input) && stays) {
    const places = axes.map((axis) => valueAxis(input, axis)).sort((a, b) => a - b);
    return { value: input.value, moved: keeps, places };
  }
  return { value: operation.inFileOrder(input), moved: false, places: axes };
}
