import { expect, test } from "vitest";
import { seededRandom } from "../../../src/data/random.ts";
import { functionOfMatrix, symmetricEigen } from "../../../src/statistics/symmetric-eigen.ts";

/** B·Bᵀ of a random n × rank matrix: symmetric, with n − rank eigenvalues of zero. */
function gram(size: number, rank: number, seed: number): Float64Array {
  const random = seededRandom(seed, "gram");
  const b = Float64Array.from({ length: size * rank }, () => random.normal());
  return Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    let sum = 0;
    for (let k = 0; k < rank; k++) {
      sum += (b[i * rank + k] as number) * (b[j * rank + k] as number);
    }
    return sum;
  });
}

function largestDifference(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - (b[at] as number))), 0);
}

function product(a: Float64Array, b: Float64Array, size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    let sum = 0;
    for (let k = 0; k < size; k++) sum += (a[i * size + k] as number) * (b[k * size + j] as number);
    return sum;
  });
}

test.each([
  [1, 1],
  [2, 2],
  [7, 7],
  [20, 20],
  [20, 5],
  [64, 61],
])("%i features of rank %i: A = Vᵀ·diag(λ)·V with orthonormal V", (size, rank) => {
  const matrix = gram(size, rank, size + rank);
  const scale = Math.max(...matrix);
  const eigen = symmetricEigen(matrix, size);
  // n rotations and reflections, each of which rounds to half a unit.
  const tolerance = 4 * size * Number.EPSILON * scale;
  expect(
    largestDifference(
      functionOfMatrix(eigen, (value) => value),
      matrix,
    ),
  ).toBeLessThan(tolerance);
  const identity = functionOfMatrix(eigen, () => 1);
  for (let at = 0; at < size * size; at++) {
    expect(identity[at]).toBeCloseTo(at % (size + 1) === 0 ? 1 : 0, 12);
  }
  const zero = [...eigen.values].filter((value) => Math.abs(value) < tolerance * 10);
  expect(zero).toHaveLength(size - rank);
});

test("a root times itself is the matrix", () => {
  const matrix = gram(12, 12, 3);
  const root = functionOfMatrix(symmetricEigen(matrix, 12), Math.sqrt);
  expect(largestDifference(product(root, root, 12), matrix)).toBeLessThan(1e-12);
});

test("eigenvalues that are known: 1 and 3 of [[2, 1], [1, 2]], the diagonal of a diagonal", () => {
  const { values } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2);
  expect([...values].sort()).toEqual([expect.closeTo(1, 14), expect.closeTo(3, 14)]);
  const diagonal = Float64Array.of(5, 0, 0, 0, 0, 0, 0, 0, -2);
  expect([...symmetricEigen(diagonal, 3).values].sort()).toEqual([-2, 0, 5]);
  expect([...symmetricEigen(new Float64Array(9), 3).values]).toEqual([0, 0, 0]);
});

test("a matrix that is not finite does not hang", () => {
  expect(() => symmetricEigen(Float64Array.of(1, Number.NaN, Number.NaN, 1), 2)).toThrow();
});
