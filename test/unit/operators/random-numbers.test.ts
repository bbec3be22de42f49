import { describe, expect, test } from "vitest";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { STEP_OPSET } from "../../../src/operators/operator.ts";
import { normalNumbers, randomBits } from "../../../src/operators/random-numbers.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { untyped } from "./step-harness.ts";

type Draw = (builder: GraphBuilder, step: string) => string;

/** What a graph draws at the steps, as float64. */
async function drawn(draw: Draw, steps: readonly number[], threads = 1): Promise<number[][]> {
  const builder = new GraphBuilder(["step"]);
  const value = draw(builder, "step");
  const step = makeValueInfo("step", DataType.UINT32, []);
  const graph = builder.build("random", [step], [untyped(value)], STEP_OPSET);
  const session = await (await loadRuntime()).createSession(encodeModel(graph), { threads });
  const found: number[][] = [];
  for (const number of steps) {
    const feed = { type: "uint32" as const, dims: [], data: Uint32Array.of(number) };
    const results = await session.run({ step: feed });
    found.push(Array.from(results[value]?.data as ArrayLike<number>, Number));
  }
  await session.release();
  return found;
}

const SHAPE = [24, 3, 70];
const bits =
  (seed: number, shape: readonly number[] = SHAPE): Draw =>
  (builder, step) =>
    randomBits(builder, shape, { seed, step });

/** Correlation of two lists of numbers, which is N(0, 1/n) for independent ones. */
function correlation(left: readonly number[], right: readonly number[]): number {
  const centred = (values: readonly number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.map((value) => value - mean);
  };
  const product = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
  const [a, b] = [centred(left), centred(right)];
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
}

describe("random bits of a step", () => {
  test("follow from seed, step and position alone, whatever was drawn before", async () => {
    const [first, tenth] = await drawn(bits(1), [1, 10]);
    expect(await drawn(bits(1), [10], 2)).toEqual([tenth]);
    expect(first).not.toEqual(tenth);
    expect((await drawn(bits(2), [1]))[0]).not.toEqual(first);
  });

  test("are spread evenly: chi-squared over 256 classes", async () => {
    const [values = []] = await drawn(bits(3, [256, 256]), [1]);
    const counts = new Array<number>(256).fill(0);
    for (const value of values) counts[value >>> 24] = (counts[value >>> 24] ?? 0) + 1;
    const expected = values.length / 256;
    const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: mean 255, deviation √510; five of them either side.
    expect(Math.abs(chi - 255)).toBeLessThan(5 * Math.sqrt(510));
  });

  test("have nothing in common over neighbouring steps, seeds, rows and columns", async () => {
    const steps = await drawn(bits(4), [1, 2, 3, 4]);
    const [other = []] = await drawn(bits(5), [1]);
    const [one = []] = steps;
    const limit = 5 / Math.sqrt(one.length);
    for (const later of steps.slice(1)) {
      expect(Math.abs(correlation(one, later))).toBeLessThan(limit);
    }
    expect(Math.abs(correlation(one, other))).toBeLessThan(limit);
    expect(Math.abs(correlation(one.slice(1), one.slice(0, -1)))).toBeLessThan(limit * 1.01);
    expect(Math.abs(correlation(one.slice(70), one.slice(0, -70)))).toBeLessThan(limit * 1.01);
    // The same element over many steps is as random as a whole step.
    const first = (
      await drawn(
        bits(4, [2, 2]),
        Array.from({ length: 400 }, (_, step) => step),
      )
    ).map((values) => values[0] ?? 0);
    expect(Math.abs(correlation(first.slice(1), first.slice(0, -1)))).toBeLessThan(5 / 20);
    const mean = first.reduce((sum, value) => sum + value / 2 ** 32, 0) / 400;
    expect(Math.abs(mean - 0.5)).toBeLessThan((5 * Math.sqrt(1 / 12)) / 20);
  });
});

test("normal numbers have the moments of N(0, 1)", async () => {
  const count = 40_000;
  const draw: Draw = (builder, step) => normalNumbers(builder, [200, 200], { seed: 6, step });
  const [values = []] = await drawn(draw, [7]);
  const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / count;
  // Standard errors of the first four moments: √(1, 2, 15, 96)/√n.
  const expected = [0, 1, 0, 3];
  for (const [index, variance] of [1, 2, 15, 96].entries()) {
    const error = Math.abs(moment(index + 1) - (expected[index] ?? 0));
    expect(error, `moment ${index + 1}`).toBeLessThan(5 * Math.sqrt(variance / count));
  }
});
