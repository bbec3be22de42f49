import { expect, test } from "vitest";
import { compareTensors } from "../../../../src/engine/certificate/compare.ts";
import type { RuntimeTensor } from "../../../../src/runtime/runtime.ts";

function tensor(dims: readonly number[], values: readonly number[]): RuntimeTensor {
  return { type: "float32", dims, data: Float32Array.from(values) };
}

test("each channel of axis 1 has its own scale, difference and place", () => {
  const first = tensor([2, 2, 2], [1, 2, 30, -40, -3, 0, 0, 5]);
  const second = tensor([2, 2, 2], [1, 2, 30, -44, -3, 1, 0, 5]);
  const compared = compareTensors(first, second);
  expect(compared).toEqual({
    elementsPerChannel: 4,
    scale: Float64Array.of(3, 40),
    range: Float64Array.of(5, 70),
    difference: Float64Array.of(1, 4),
    where: Int32Array.of(5, 3),
  });
});

test("a vector is one channel", () => {
  const compared = compareTensors(tensor([3], [1, 2, 3]), tensor([3], [1, 2, 5]));
  expect(compared).toMatchObject({ difference: Float64Array.of(2), where: Int32Array.of(2) });
});

test.each([
  [[Number.NaN], [Number.NaN], 0],
  [[Number.NaN], [1], Number.POSITIVE_INFINITY],
  [[1], [Number.NaN], Number.POSITIVE_INFINITY],
  [[Number.POSITIVE_INFINITY], [Number.POSITIVE_INFINITY], 0],
  [[Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY], Number.POSITIVE_INFINITY],
  [[0], [-0], 0],
])("%o against %o differs by %d", (a, b, difference) => {
  const compared = compareTensors(tensor([1, 1], a), tensor([1, 1], b));
  expect(compared).toMatchObject({ difference: Float64Array.of(difference) });
});

test("labels are counted, not subtracted", () => {
  const labels = (...values: bigint[]): RuntimeTensor => ({
    type: "int64",
    dims: [3],
    data: BigInt64Array.from(values),
  });
  const compared = compareTensors(labels(1n, 2n, 900n), labels(1n, 3n, 5n));
  expect(compared).toMatchObject({ difference: Float64Array.of(2), scale: Float64Array.of(3) });
});

test("type and shape have to be the same", () => {
  const halves: RuntimeTensor = { type: "float16", dims: [1], data: Uint16Array.of(0) };
  expect(compareTensors(tensor([1], [0]), halves)).toBe("is float16 instead of float32");
  expect(compareTensors(tensor([1, 2], [0, 0]), tensor([2], [0, 0]))).toBe(
    "has shape [2] instead of [1,2]",
  );
});
