import type { GraphBuilder } from "../graph/builder.ts";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import type { ForwardTrace } from "./autodiff.ts";

/** An even sample of a watched value. */
export interface WatchedSample {
  /** The watched value of the model. */
  readonly name: string;
  /** Numbers of the value. */
  readonly total: number;
  /** Each so many-th of them is taken. */
  readonly every: number;
  /** Numbers that are taken. */
  readonly count: number;
}

/** Numbers of a value that are looked at in one step; their median is within 0.04·σ of the whole's. */
const SAMPLE_SIZE = 1024;

/**
 * Every k-th number of a value of this shape, k without a divisor in common with any size, so that all
 * channels and positions take part.
 */
export function watchedSample(name: string, shape: readonly number[]): WatchedSample {
  const total = elementCount(shape);
  let every = Math.max(1, Math.ceil(total / SAMPLE_SIZE));
  while (every > 1 && commonDivisor(every, total) > 1) every++;
  return { name, total, every, count: Math.ceil(total / every) };
}

/** The sample, float32[count]. @param value of the graph. */
export function addSample(
  builder: GraphBuilder,
  { name, total, every }: WatchedSample,
  value: string,
): string {
  const flat = builder.add("Reshape", [value, builder.ints([total])]);
  return builder.add(
    "Slice",
    [flat, ...[0, total, 0, every].map((number) => builder.ints([number]))],
    { stem: `sample_of_${name}` },
  );
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** @throws InputError for a value whose shape depends on the data. */
export function staticShape(trace: ForwardTrace, name: string): readonly number[] {
  const type = trace.type(name);
  const shape = type?.shape.map(Number);
  if (shape === undefined || !shape.every(Number.isInteger)) {
    throw new InputError(`value ${name}: its shape does not follow from the shape of the input`);
  }
  return shape;
}
