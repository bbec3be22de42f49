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
  move(source, target, sizes, steps);
  return new Uint8Array(target.buffer);
}

type Elements = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

/** Runs along the last axis, whose elements follow each other in the target, stand innermost. */
function move(
  source: Elements,
  target: Elements,
  sizes: readonly number[],
  steps: readonly number[],
): void {
  const last = sizes.length - 1;
  const run = sizes[last] ?? 1;
  const step = steps[last] ?? 0;
  const counters = sizes.map(() => 0);
  let from = 0;
  for (let to = 0; to < target.length; ) {
    for (let index = 0, at = from; index < run; index++, at += step) {
      target[to++] = source[at] as never;
    }
    for (let axis = last - 1; axis >= 0; axis--) {
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
}
