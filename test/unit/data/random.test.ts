import { describe, expect, it } from "vitest";
import { seededRandom, shuffle } from "../../../src/data/random.ts";

describe("random numbers", () => {
  it("repeat for a seed and differ between seeds and purposes", () => {
    const draw = (seed: number, purpose?: string) => {
      const random = seededRandom(seed, purpose);
      return Array.from({ length: 8 }, () => random.nextUint32());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(7, "split")).not.toEqual(draw(7, "batches"));
  });

  it("have the moments of their distributions", () => {
    const random = seededRandom(1);
    const count = 200_000;
    const normal = Array.from({ length: count }, () => random.normal());
    const uniform = Array.from({ length: count }, () => random.uniform());
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / count;
    expect(mean(normal)).toBeCloseTo(0, 1.9);
    expect(mean(normal.map((value) => value ** 2))).toBeCloseTo(1, 1.7);
    expect(mean(normal.map((value) => value ** 4))).toBeCloseTo(3, 0.9);
    expect(mean(uniform)).toBeCloseTo(0.5, 2);
    expect(mean(uniform.map((value) => value ** 2))).toBeCloseTo(1 / 3, 2);
  });

  it("shuffle evenly: each of the 24 orders of four comes up about as often", () => {
    const random = seededRandom(3);
    const seen = new Map<string, number>();
    for (let turn = 0; turn < 24_000; turn++) {
      const values = Int32Array.of(0, 1, 2, 3);
      shuffle(values, random);
      seen.set(values.join(), (seen.get(values.join()) ?? 0) + 1);
    }
    expect(seen.size).toBe(24);
    for (const times of seen.values()) expect(Math.abs(times - 1000)).toBeLessThan(150);
  });
});
