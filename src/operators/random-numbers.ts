import type { GraphBuilder } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { elementCount, memoryTensor } from "../graph/tensor.ts";
import { reshape, scale } from "./emit.ts";

/**
 * Numbers by chance inside a training step, computed from (seed, step, position) alone.
 *
 * ONNX Runtime's random operators keep a generator that moves on at every run and starts again with
 * every session, so a run that is taken up again would go on with the numbers of its beginning. Here
 * nothing is kept: step 1000 draws the same whether or not steps 1 to 999 ran in this session, with
 * any number of threads, and in the native library as in WebAssembly. It takes the time that Dropout
 * takes.
 */

/** Which numbers: those of one node at one step. */
export interface RandomSource {
  /** Differs from node to node. */
  readonly seed: number;
  /** A uint32 scalar of the step graph that differs from step to step; left out, all steps draw the same. */
  readonly step?: string;
}

/** Odd, and far from any small multiple of itself modulo 2³²: 2³² divided by the golden ratio. */
const GOLDEN = 0x9e3779b9;

/**
 * 32 random bits an element, as a uint32 value of the given shape.
 *
 * The element in row r and column c gets mix(mix(a[r] + step·G) + b[c]) with a and b random constants:
 * mixing the step into the rows alone costs next to nothing, and one mix an element is left.
 */
export function randomBits(
  builder: GraphBuilder,
  shape: readonly number[],
  { seed, step }: RandomSource,
): string {
  const rows = elementCount(shape.slice(0, rowAxes(shape)));
  const columns = elementCount(shape.slice(rowAxes(shape)));
  const table = (dims: readonly number[], start: number) =>
    words(
      builder,
      dims,
      Uint32Array.from({ length: elementCount(dims) }, (_, index) => wordAt(seed, start + index)),
    );
  const number = step ?? words(builder, [], Uint32Array.of(0));
  const moved = builder.add("Mul", [number, words(builder, [], Uint32Array.of(GOLDEN))]);
  const ofRow = mix(builder, builder.add("Add", [table([rows, 1], 0), moved]));
  const bits = mix(builder, builder.add("Add", [ofRow, table([1, columns], rows)]));
  return reshape(builder, bits, shape);
}

/** True with probability `share`: bits < share·2³². */
export function randomTruths(
  builder: GraphBuilder,
  shape: readonly number[],
  share: number,
  source: RandomSource,
): string {
  const limit = Uint32Array.of(Math.min(2 ** 32 - 1, Math.round(share * 2 ** 32)));
  return builder.add("Less", [randomBits(builder, shape, source), words(builder, [], limit)]);
}

/**
 * Standard normal numbers by G. E. P. Box and M. E. Muller (1958):
 *
 *   ε = √(−2·ln u)·cos(2π·v),  u from (0, 1], v from [0, 1).
 */
export function normalNumbers(
  builder: GraphBuilder,
  shape: readonly number[],
  source: RandomSource,
): string {
  const [first, second] = [source, { ...source, seed: source.seed ^ GOLDEN }].map((each) =>
    builder.add("Cast", [randomBits(builder, shape, each)], {
      attributes: { to: { int: DataType.FLOAT } },
    }),
  );
  const above = builder.add("Add", [first ?? "", builder.scalar(1)]);
  const logarithm = builder.add("Log", [scale(builder, above, 2 ** -32)]);
  const radius = builder.add("Sqrt", [builder.add("Abs", [scale(builder, logarithm, 2)])]);
  const angle = scale(builder, second ?? "", (2 * Math.PI) / 2 ** 32);
  return builder.add("Mul", [radius, builder.add("Cos", [angle])], { stem: "noise" });
}

/** Leading axes that make the rows, so that rows and columns together need the fewest constants. */
function rowAxes(shape: readonly number[]): number {
  const constants = (axes: number) =>
    elementCount(shape.slice(0, axes)) + elementCount(shape.slice(axes));
  const choices = Array.from({ length: shape.length + 1 }, (_, axes) => axes);
  return choices.reduce((best, axes) => (constants(axes) < constants(best) ? axes : best), 0);
}

/**
 * Spreads every bit of x over all bits of the result, best over the upper ones: a 32-bit integer
 * hash with the constants of C. Wellons' search ("Prospecting for Hash Functions", 2018), the same
 * as in SplitMix32. Its last shift, which would improve the lower bits, is left out: only the size of
 * the number counts here.
 */
function mix(builder: GraphBuilder, x: string): string {
  const first = builder.add("Mul", [
    foldDown(builder, x, 16),
    words(builder, [], Uint32Array.of(0x21f0aaad)),
  ]);
  return builder.add("Mul", [
    foldDown(builder, first, 15),
    words(builder, [], Uint32Array.of(0x735a2d97)),
  ]);
}

/** Number `index` of a seed's sequence: SplitMix32, whose mix is the one above. */
function wordAt(seed: number, index: number): number {
  const start = Math.imul(seed ^ 0x6a09e667, 0x01000193) + Math.imul(index + 1, GOLDEN);
  const first = Math.imul(start ^ (start >>> 16), 0x21f0aaad);
  return Math.imul(first ^ (first >>> 15), 0x735a2d97) >>> 0;
}

/** x ⊕ (x >> bits). */
function foldDown(builder: GraphBuilder, x: string, bits: number): string {
  const shifted = builder.add("BitShift", [x, words(builder, [], Uint32Array.of(bits))], {
    attributes: { direction: { string: "RIGHT" } },
  });
  return builder.add("BitwiseXor", [x, shifted]);
}

function words(builder: GraphBuilder, dims: readonly number[], values: Uint32Array): string {
  const make = (name: string) =>
    memoryTensor(name, dims, DataType.UINT32, new Uint8Array(values.buffer));
  if (dims.length === 0) return builder.shared(`uint32:${values[0]}`, make);
  return builder.addInitializer(make(builder.freshName("random_words")));
}
