import { seededRandom } from "../../../src/data/random.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { type Graph, requiredInputs } from "../../../src/graph/graph.ts";
import { float16ToNumber, numberToFloat16 } from "../../../src/graph/numbers.ts";
import { elementCount } from "../../../src/graph/tensor.ts";
import { declaredType } from "../../../src/operators/infer-shapes.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import type { RuntimeTensor, Tensors } from "../../../src/runtime/runtime.ts";

/** One unit in the last place of 1, by type. */
const UNITS: Readonly<Record<string, number>> = {
  float16: 2 ** -10,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/**
 * Units that two right models may differ by, relative to the largest magnitude of the output. A sum
 * of n rounded products errs by about √n units; a test model sums at most a hundred products in each
 * of at most a dozen layers, whose weights amplify little. The most seen in 600 random models is 4;
 * a wrong channel, group, axis or pad differs by many thousands.
 */
const TOLERATED_UNITS = 100;

/** Float16 sums have few bits, so a tenth of the scale is as much as can be asked there. */
const LARGEST_TOLERANCE = 0.05;

/** Below it, an output is rounding noise around zero: inputs and weights are of the order of 1. */
const SMALLEST_SCALE = 0.01;

/** The largest difference of any output over what is tolerated: at most 1 for the same function. */
export async function differenceInRuntime(a: Graph, b: Graph, seed = 1): Promise<number> {
  const feeds = randomFeeds(a, seed);
  const before = await run(a, feeds);
  const after = await run(b, feeds);
  let worst = 0;
  for (const [name, expected] of Object.entries(before)) {
    const found = after[name];
    if (found === undefined || `${found.dims}` !== `${expected.dims}`)
      return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, excess(expected, found));
  }
  return worst;
}

function excess(expected: RuntimeTensor, found: RuntimeTensor): number {
  const [x, y] = [numbers(expected), numbers(found)];
  let scale = SMALLEST_SCALE;
  let difference = 0;
  for (const [i, value] of x.entries()) {
    const other = y[i] as number;
    if (Object.is(value, other) || value === other) continue;
    if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
    const distance = Math.abs(value - other);
    difference = Math.max(difference, Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance);
  }
  const tolerance = Math.min(LARGEST_TOLERANCE, TOLERATED_UNITS * (UNITS[expected.type] ?? 0));
  return difference === 0 ? 0 : difference / (tolerance * scale);
}

function numbers(tensor: RuntimeTensor): Float64Array {
  if (tensor.type === "float16") {
    return Float64Array.from(tensor.data as Uint16Array, float16ToNumber);
  }
  return Float64Array.from(tensor.data as ArrayLike<number>, Number);
}

async function run(graph: Graph, feeds: Tensors): Promise<Tensors> {
  const runtime = await loadRuntime();
  const options = { optimization: "disabled", threads: 1 } as const;
  const session = await runtime.createSession(encodeModel(graph), options);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

function randomFeeds(graph: Graph, seed: number): Tensors {
  const random = seededRandom(seed, "feeds");
  const feeds = requiredInputs(graph).map((input) => {
    const type = declaredType(input);
    if (type === undefined) throw new Error(`input ${input.name} has no shape`);
    const dims = type.shape.map((size) => (typeof size === "number" ? size : 2));
    const values = Float64Array.from({ length: elementCount(dims) }, () => random.normal());
    return [input.name, feed(type.dataType, dims, values)] as const;
  });
  return Object.fromEntries(feeds);
}

function feed(dataType: DataType, dims: readonly number[], values: Float64Array): RuntimeTensor {
  switch (dataType) {
    case DataType.FLOAT:
      return { type: "float32", dims, data: Float32Array.from(values) };
    case DataType.DOUBLE:
      return { type: "float64", dims, data: values };
    case DataType.FLOAT16:
      return { type: "float16", dims, data: Uint16Array.from(values, numberToFloat16) };
    case DataType.BOOL:
      return { type: "bool", dims, data: Uint8Array.from(values, (value) => (value > 0 ? 1 : 0)) };
    case DataType.INT64:
      return { type: "int64", dims, data: BigInt64Array.from(values, () => 2n) };
    default:
      throw new Error(`no feed for type ${dataType}`);
  }
}
