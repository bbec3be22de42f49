import { elementBits } from "../graph/data-type.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";

/** The positions that stay along an axis, ascending. */
export type Selection = ReadonlyMap<number, readonly number[]>;

/** A tensor of which only some positions along some axes are kept; copied when the data is read. */
export function selectedTensor(tensor: Tensor, name: string, selection: Selection): Tensor {
  const dims = tensor.dims.map((size, axis) => selection.get(axis)?.length ?? size);
  const bytes = (elementBits(tensor.dataType) ?? 0) / 8;
  const data = {
    encoding: "memory" as const,
    byteLength: elementCount(dims) * bytes,
    read: () => {
      const axes = [...selection.keys()].sort((a, b) => a - b);
      let kept = tensor.data.read();
      const shape = [...tensor.dims];
      for (const axis of axes) {
        const positions = selection.get(axis) ?? [];
        kept = selectedAlong(kept, shape, axis, positions, bytes);
        shape[axis] = positions.length;
      }
      return kept;
    },
  };
  return { ...tensor, name, dims, data };
}

function selectedAlong(
  bytes: Uint8Array,
  dims: readonly number[],
  axis: number,
  positions: readonly number[],
  elementBytes: number,
): Uint8Array {
  const outer = elementCount(dims.slice(0, axis));
  const run = elementCount(dims.slice(axis + 1)) * elementBytes;
  const size = dims[axis] ?? 0;
  const result = new Uint8Array(outer * positions.length * run);
  let target = 0;
  for (let block = 0; block < outer; block++) {
    for (const position of positions) {
      const start = (block * size + position) * run;
      result.set(bytes.subarray(start, start + run), target);
      target += run;
    }
  }
  return result;
}
