import fc from "fast-check";
import { expect, test } from "vitest";
import { transposeBytes } from "../../../src/graph/transpose-bytes.ts";
import { coordinates } from "../../../src/operators/shape-algebra.ts";

test("every element lands where its coordinates, in the new order, say", () => {
  const shapes = fc
    .array(fc.integer({ min: 1, max: 4 }), { minLength: 0, maxLength: 4 })
    .chain((dims) =>
      fc.record({
        dims: fc.constant(dims),
        order: fc.shuffledSubarray([...dims.keys()], { minLength: dims.length }),
        elementBytes: fc.constantFrom(1, 2, 4, 8),
        offset: fc.constantFrom(0, 1),
      }),
    );
  fc.assert(
    fc.property(shapes, ({ dims, order, elementBytes, offset }) => {
      const count = dims.reduce((product, size) => product * size, 1);
      const buffer = new Uint8Array(count * elementBytes + offset);
      const bytes = buffer.subarray(offset);
      for (let index = 0; index < count; index++)
        bytes.fill(index, index * elementBytes, (index + 1) * elementBytes);
      const moved = transposeBytes(bytes, dims, order, elementBytes);
      const sizes = order.map((axis) => dims[axis] as number);
      for (let position = 0; position < count; position++) {
        const place = coordinates(position, sizes);
        const source = dims.map((_, axis) => place[order.indexOf(axis)] as number);
        const index = source.reduce((sum, at, axis) => sum * (dims[axis] as number) + at, 0);
        expect([...moved.subarray(position * elementBytes, (position + 1) * elementBytes)]).toEqual(
          new Array(elementBytes).fill(index),
        );
      }
    }),
    { seed: 20261122 },
  );
});
