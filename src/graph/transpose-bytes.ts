/** Elements of these sizes are moved as one number of that size. */
const ARRAYS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

/**
 * Row-major elements with the axes in another order: axis i of the result is axis order[i] of the
 * source.
 *
 * @param bytes little-endian elements, at any alignment.
 * @param dims the source's sizes.
 * @param elementBytes 1, 2, 4 or 8.
 */
export function transposeBytes(
  bytes: Uint8Array,
  dims: readonly number[],
  order: readonly number[],
  elementBytes: number,
): Uint8Array {
  const Elements = ARRAYS[elementBytes as keyof typeof ARRAYS];
  const aligned = bytes.byteOffset % elementBytes === 0 ? bytes : new Uint8Array(bytes);
  const count = bytes.length / elementBytes;
  const source = new Elements(aligned.buffer as ArrayBuffer, aligned.byteOffset, count);
  const target = new Elements(count);
  const strides = dims.map((_, axis) =>
    dims.slice(axis + 1).reduce((product, size) => product * size, 1),
  );
  const sizes = order.map((axis) => dims[axis] ?? 1);
  const steps = order.map((axis) => strides[axis] ?? 1);
  const counters = sizes.map(() => 0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    target[to] = source[from] as never;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      const counter = (counters[axis] ?? 0) + 1;
      from += steps[axis] ?? 0;
      if (counter < (sizes[axis] ?? 1)) {
        counters[axis] = counter;
        break;
      }
      from -= counter * (steps[axis] ?? 0);
      counters[axis] = 0;
    }
  }
  return new Uint8Array(target.buffer);
}
