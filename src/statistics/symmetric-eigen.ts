/** A = Vᵀ·diag(λ)·V of a symmetric matrix of size n × n. */
export interface SymmetricEigen {
  /** n, in no particular order. */
  readonly values: Float64Array;
  /** n × n, row-major; row k is the unit eigenvector of values[k]. */
  readonly vectors: Float64Array;
}

/** Q·T·Qᵀ with T tridiagonal. */
interface Tridiagonal {
  /** n numbers of T's diagonal. */
  readonly diagonal: Float64Array;
  /** T's other numbers: besides[k] is beside diagonal[k]; the last of n is 0. */
  readonly besides: Float64Array;
  /** Qᵀ, n × n, row-major. */
  readonly transformation: Float64Array;
}

/** An eigenvalue takes two or three steps; who needs more is no finite symmetric matrix. */
const MOST_STEPS = 60;

/**
 * Eigenvalues and eigenvectors: Householder's reduction to a tridiagonal matrix, then implicit QL.
 * Cyclic Jacobi rotations, the shorter way, took six times as long for 784 features.
 *
 * Source: G. Golub and C. Van Loan, "Matrix Computations", algorithms 8.3.1 and 8.3.3 (there as QR);
 * the order of the QL step is that of EISPACK's imtql2.
 *
 * @param matrix n × n, row-major, symmetric and finite; it is not changed.
 */
export function symmetricEigen(matrix: Float64Array, size: number): SymmetricEigen {
  const { diagonal, besides, transformation } = tridiagonal(matrix.slice(), size);
  const floor = Number.EPSILON ** 2 * largestMagnitude(diagonal, besides);
  for (let first = 0; first < size; first++) {
    for (let step = 0; ; step++) {
      const last = endOfBlock(diagonal, besides, first, floor);
      if (last === first) break;
      if (step === MOST_STEPS) throw new Error("symmetricEigen: the matrix is not finite");
      implicitStep(diagonal, besides, transformation, first, last);
    }
  }
  return { values: diagonal, vectors: transformation };
}

/**
 * With v = x − α·e₁ of the column x under the diagonal, α = −sign(x₁)·‖x‖, β = 2/vᵀv and
 * w = β·A·v − ½β·(β·A·v)ᵀv·v, each step is A ← A − v·wᵀ − w·vᵀ.
 */
function tridiagonal(a: Float64Array, size: number): Tridiagonal {
  const besides = new Float64Array(size);
  const scales = new Float64Array(size);
  const w = new Float64Array(size);
  for (let k = 0; k < size - 1; k++) {
    // The matrix stays symmetric, so column k is read, and v kept, in row k.
    const v = a.subarray(k * size, (k + 1) * size);
    const norm = Math.sqrt(dot(v, v, k + 1));
    const alpha = (v[k + 1] as number) > 0 ? -norm : norm;
    besides[k] = alpha;
    if (norm === 0) continue;
    v[k + 1] = (v[k + 1] as number) - alpha;
    const beta = 2 / dot(v, v, k + 1);
    scales[k] = beta;
    for (let row = k + 1; row < size; row++) {
      w[row] = beta * dot(a.subarray(row * size, (row + 1) * size), v, k + 1);
    }
    addTo(w, v, (-beta / 2) * dot(w, v, k + 1), k + 1);
    for (let row = k + 1; row < size; row++) {
      const target = a.subarray(row * size, (row + 1) * size);
      addTo(target, w, -(v[row] as number), k + 1);
      addTo(target, v, -(w[row] as number), k + 1);
    }
  }
  const diagonal = Float64Array.from({ length: size }, (_, k) => a[k * size + k] as number);
  return { diagonal, besides, transformation: reflections(a, scales, size) };
}

/** Qᵀ of Q = H₀·H₁ ⋯ with H_k = I − β·v·vᵀ, built from the last so that it fills up slowly. */
function reflections(a: Float64Array, scales: Float64Array, size: number): Float64Array {
  const q = new Float64Array(size * size);
  for (let k = 0; k < size; k++) q[k * size + k] = 1;
  for (let k = size - 2; k >= 0; k--) {
    const v = a.subarray(k * size, (k + 1) * size);
    // Qᵀ ← Qᵀ·H_k, row by row.
    for (let row = k + 1; row < size; row++) {
      const target = q.subarray(row * size, (row + 1) * size);
      addTo(target, v, -(scales[k] as number) * dot(target, v, k + 1), k + 1);
    }
  }
  return q;
}

/** The index up to which no number beside the diagonal is negligible. */
function endOfBlock(diagonal: Float64Array, besides: Float64Array, first: number, floor: number) {
  let last = first;
  for (; last < diagonal.length - 1; last++) {
    const scale = Math.abs(diagonal[last] as number) + Math.abs(diagonal[last + 1] as number);
    if (Math.abs(besides[last] as number) <= Math.max(Number.EPSILON * scale, floor)) break;
  }
  return last;
}

/** One QL step with Wilkinson's shift on rows first to last; the rotations act on the vectors too. */
function implicitStep(
  d: Float64Array,
  e: Float64Array,
  vectors: Float64Array,
  first: number,
  last: number,
): void {
  const size = d.length;
  const ratio = ((d[first + 1] as number) - (d[first] as number)) / (2 * (e[first] as number));
  const root = Math.hypot(ratio, 1);
  const shifted = ratio + (ratio >= 0 ? root : -root);
  let g = (d[last] as number) - (d[first] as number) + (e[first] as number) / shifted;
  let [s, c, p] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const f = s * (e[i] as number);
    const b = c * (e[i] as number);
    const length = Math.hypot(f, g);
    e[i + 1] = length;
    if (length === 0) {
      // The block falls apart here; the next step takes the parts.
      d[i + 1] = (d[i + 1] as number) - p;
      e[last] = 0;
      return;
    }
    s = f / length;
    c = g / length;
    g = (d[i + 1] as number) - p;
    const r = ((d[i] as number) - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
    rotateRows(vectors, i * size, (i + 1) * size, size, c, s);
  }
  d[first] = (d[first] as number) - p;
  e[first] = g;
  e[last] = 0;
}

function rotateRows(
  matrix: Float64Array,
  upper: number,
  lower: number,
  size: number,
  c: number,
  s: number,
): void {
  for (let k = 0; k < size; k++) {
    const x = matrix[upper + k] as number;
    const y = matrix[lower + k] as number;
    matrix[upper + k] = c * x - s * y;
    matrix[lower + k] = s * x + c * y;
  }
}

function dot(x: Float64Array, y: Float64Array, start: number): number {
  let sum = 0;
  for (let k = start; k < x.length; k++) sum += (x[k] as number) * (y[k] as number);
  return sum;
}

/** target ← target + factor·values, from an index on. */
function addTo(target: Float64Array, values: Float64Array, factor: number, start: number): void {
  for (let k = start; k < target.length; k++) {
    target[k] = (target[k] as number) + factor * (values[k] as number);
  }
}

function largestMagnitude(...arrays: readonly Float64Array[]): number {
  let largest = 0;
  for (const array of arrays) {
    for (const value of array) largest = Math.max(largest, Math.abs(value));
  }
  return largest;
}

/** Vᵀ·diag(f(λ))·V: a function of a symmetric matrix, n × n and row-major. */
export function functionOfMatrix(
  { values, vectors }: SymmetricEigen,
  ofValue: (eigenvalue: number) => number,
): Float64Array {
  const size = values.length;
  const result = new Float64Array(size * size);
  for (let k = 0; k < size; k++) {
    const factor = ofValue(values[k] as number);
    const vector = vectors.subarray(k * size, (k + 1) * size);
    for (let row = 0; row < size; row++) {
      const target = result.subarray(row * size, (row + 1) * size);
      addTo(target, vector, factor * (vector[row] as number), 0);
    }
  }
  return result;
}
