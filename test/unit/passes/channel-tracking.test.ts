import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Dimension } from "../../../src/graph/builder.ts";
import { elementCount } from "../../../src/graph/tensor.ts";
import { regrouped } from "../../../src/passes/channel-tracking.ts";

const along = (axis: number, scale: readonly number[]) => ({
  axis,
  scale: Float64Array.from(scale),
  shift: Float64Array.from(scale, (value) => -value),
});

describe("regrouped", () => {
  const cases: [
    string,
    Dimension[],
    number,
    number[],
    Dimension[],
    number | undefined,
    number[],
  ][] = [
    [
      "flatten repeats",
      ["n", 3, 2, 2],
      1,
      [1, 2, 3],
      ["n", 12],
      1,
      [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3],
    ],
    ["channels last tile", ["n", 2, 3], 2, [1, 2, 3], ["n", 6], 1, [1, 2, 3, 1, 2, 3]],
    ["a merged axis splits", ["n", 6], 1, [1, 1, 2, 2, 3, 3], ["n", 3, 2], 1, [1, 2, 3]],
    ["a named size beside it", ["n", 4, "t"], 1, [1, 2, 3, 4], ["n", 1, 4, "t"], 2, [1, 2, 3, 4]],
    ["one number is everywhere", ["?", "?"], 1, [5], ["?"], undefined, [5]],
  ];
  test.each(cases)("%s", (_, from, axis, scale, to, newAxis, expected) => {
    const result = regrouped(along(axis, scale), from, to);
    expect(result?.axis).toBe(newAxis);
    expect([...(result?.scale ?? [])]).toEqual(expected);
    expect([...(result?.shift ?? [])]).toEqual(expected.map((value) => -value));
  });

  test.each<[Dimension[], number, number[], Dimension[]]>([
    [["n", 6], 1, [1, 2, 3, 4, 5, 6], ["n", 3, 2]],
    [["n", 4, "?"], 1, [1, 2, 3, 4], ["n", 1, 4, "?"]],
    [["n", 4, "t"], 1, [1, 2, 3, 4], ["n", "t", 4]],
  ])("%o along %i cannot be told in %o", (from, axis, scale, to) => {
    expect(regrouped(along(axis, scale), from, to)).toBeUndefined();
  });

  test("every element keeps its number", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    const property = fc.property(
      sizes,
      sizes,
      fc.nat(),
      fc.boolean(),
      (from, to, choice, repeats) => {
        const axis = choice % from.length;
        const target = [...to, elementCount(from)].slice(-3);
        const rest = elementCount(from) / elementCount(target.slice(0, -1));
        fc.pre(Number.isInteger(rest));
        target[target.length - 1] = rest;
        const scale = Array.from({ length: from[axis] as number }, (_, c) =>
          repeats ? c >> 1 : c,
        );
        const result = regrouped(along(axis, scale), from, target);
        if (result === undefined) return;
        const channel = (shape: readonly number[], at: number | undefined, position: number) =>
          at === undefined
            ? 0
            : Math.floor(position / elementCount(shape.slice(at + 1))) % (shape[at] as number);
        for (let position = 0; position < elementCount(from); position++) {
          const before = scale[channel(from, axis, position)];
          expect(result.scale[channel(target, result.axis, position)]).toBe(before);
        }
      },
    );
    fc.assert(property, { numRuns: 2000, seed: 4 });
  });
});
