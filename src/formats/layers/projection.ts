import { knownSize, type LayerCall, type WeightRequest } from "./layer-call.ts";
import type { Size } from "./layer-value.ts";
import { AS_STORED, reshaped } from "./weight-layout.ts";

/** A value in the file's order of axes. */
export interface Projected {
  readonly value: string;
  readonly shape: readonly Size[];
}

export interface Projection {
  /** How many of the last axes of x are summed over. */
  readonly bound: number;
  /** Sizes of the axes that come in their place. */
  readonly outputs: readonly number[];
  /** How the layer has its bias, one number for each place of the new axes; undefined for none. */
  readonly bias: Pick<WeightRequest, "flag"> | undefined;
}

/**
 * y = x·W + b over the last axes of x, as EinsumDense has it with W (summed axes…, new axes…). Summed
 * axes are joined for a MatMul, and so are the new ones.
 *
 * @returns (…, product of the new axes).
 */
export function projected(
  call: LayerCall,
  { value, shape }: Projected,
  { bound, outputs, bias }: Projection,
): Projected {
  const front = shape.slice(0, shape.length - bound);
  const summed = shape
    .slice(front.length)
    .map((size) => knownSize(call, size, "the size of its input's last axis"));
  const [inside, outside] = [product(summed), product(outputs)];
  const plain = bound === 1 && outputs.length === 1;
  const kernel = call.weight("kernel", [...summed, ...outputs], {
    layout: plain ? AS_STORED : reshaped(() => [inside, outside]),
  });
  const offset = bias && call.weight("bias", outputs, { ...bias, layout: joined(outputs) });
  const rows = bound === 1 ? value : joinedAxes(call, value, front.length, inside);
  const sum = call.add("main", "MatMul", [rows, kernel]);
  const result = { value: sum, shape: [...front, outside] };
  if (offset === undefined || offset.value === "") return result;
  return { ...result, value: call.add("bias", "Add", [sum, offset]) };
}

function joined(sizes: readonly number[]) {
  return sizes.length === 1 ? AS_STORED : reshaped(() => [product(sizes)]);
}

/** The axes behind the front as one of that size; 0 stands for the size that an axis has. */
function joinedAxes(call: LayerCall, value: string, front: number, size: number): string {
  const target = [...new Array<number>(front).fill(0), size];
  return call.add("joined", "Reshape", [value, call.builder.ints(target)]);
}

/** The last axis as several; the sizes of the others may be open. */
export function splitLastAxis(
  call: LayerCall,
  { value, shape }: Projected,
  sizes: readonly number[],
): Projected {
  if (sizes.length === 1) return { value, shape };
  const front = shape.slice(0, -1);
  const target = [...new Array<number>(front.length).fill(0), ...sizes];
  const split = call.add("split", "Reshape", [value, call.builder.ints(target)]);
  return { value: split, shape: [...front, ...sizes] };
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}
