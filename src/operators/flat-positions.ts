import type { GraphBuilder } from "../graph/builder.ts";
import { elementCount, int64Tensor } from "../graph/tensor.ts";
import { reshape, sumOver } from "./emit.ts";
import { rangeOf } from "./shape-algebra.ts";

/**
 * The row-major positions, in the flattened data, of the elements that GatherND reads and ScatterND
 * writes. ScatterND itself cannot be used where positions may repeat: it adds with a data race.
 *
 * @param indices name of the positions, of shape `indicesShape` (…, k); each names one slice of data
 *   by its first k coordinates behind the batch axes, counted from the end when negative.
 * @param batchAxes leading axes that data and indices share.
 * @returns name of an int64 list, slice after slice.
 */
export function flatPositions(
  builder: GraphBuilder,
  indices: string,
  indicesShape: readonly number[],
  data: readonly number[],
  batchAxes = 0,
): string {
  const depth = indicesShape.at(-1) ?? 0;
  const slices = elementCount(indicesShape.slice(0, -1));
  const sizes = data.slice(batchAxes, batchAxes + depth);
  const inner = elementCount(data.slice(batchAxes + depth));
  const strides = sizes.map((_, axis) => elementCount(sizes.slice(axis + 1)) * inner);
  const rows = reshape(builder, indices, [slices, depth]);
  const within = builder.add("Mod", [rows, builder.ints(sizes)]);
  const weighted = builder.add("Mul", [within, builder.ints(strides)]);
  const starts = sumOver(builder, weighted, [1], true);
  const batches = elementCount(data.slice(0, batchAxes));
  const perBatch = slices / batches;
  const offsets = rangeOf(slices).map(
    (slice) => Math.floor(slice / perBatch) * elementCount(data.slice(batchAxes)),
  );
  const shifted =
    batches === 1 ? starts : builder.add("Add", [starts, integers(builder, [slices, 1], offsets)]);
  const elements = integers(builder, [1, inner], rangeOf(inner));
  return reshape(builder, builder.add("Add", [shifted, elements]), [slices * inner]);
}

function integers(builder: GraphBuilder, shape: readonly number[], values: readonly number[]) {
  return builder.addInitializer(int64Tensor(builder.freshName("positions"), shape, values));
}
