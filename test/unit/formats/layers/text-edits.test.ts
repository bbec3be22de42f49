import fc from "fast-check";
import { expect, test } from "vitest";
import type { Json } from "../../../../src/formats/layers/json.ts";
import { textEdits, withEdits } from "../../../../src/formats/layers/text-edits.ts";

function rewritten(text: string, after: Json): string {
  return withEdits(text, textEdits(text, JSON.parse(text), after));
}

test("what stays keeps its spacing, its order and its way of writing numbers", () => {
  const text = '{"layers": [ {"name": "a", "rate": 1.0}, {"name":"bn"},  {"name":"c"} ], "x":1e-3}';
  const after = { layers: [{ name: "a", rate: 1, bias: true }, { name: "c" }], x: 1e-3 };
  expect(rewritten(text, after)).toBe(
    '{"layers": [ {"name": "a", "rate": 1.0, "bias": true},  {"name":"c"} ], "x":1e-3}',
  );
});

test("items go and come at every end of a list, in lines of their own where the text has them", () => {
  const text = '{\n  "layers": [\n    "a",\n    "b",\n    "c"\n  ]\n}\n';
  const lines = (items: readonly string[]) =>
    `${JSON.stringify({ layers: items }, undefined, 2)}\n`;
  for (const items of [
    ["b"],
    ["c"],
    ["a"],
    ["x", "a", "b", "c", "y"],
    ["x", "c"],
    ["a", "x", "c"],
  ]) {
    expect(rewritten(text, { layers: items })).toBe(lines(items));
  }
  expect(rewritten(text, { layers: [] })).toBe('{\n  "layers": []\n}\n');
});

test("whatever the two documents are, the text becomes the other one, and nothing changes without need", () => {
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<Json[]>(1, 2, "a", "b", null, true),
      fc.array(tie("tree"), { maxLength: 4 }),
      fc.array(
        fc.record(
          { name: fc.constantFrom("p", "q", "r"), n: tie("tree") },
          { noNullPrototype: true },
        ),
        {
          maxLength: 4,
        },
      ),
      fc.dictionary(fc.constantFrom("k", "l", "m"), tie("tree"), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
    ),
  }));
  const document = tree as fc.Arbitrary<Json>;
  fc.assert(
    fc.property(
      document,
      document,
      fc.constantFrom(undefined, 1, "\t"),
      (before, after, indent) => {
        const text = JSON.stringify(before, undefined, indent);
        expect(JSON.parse(rewritten(text, after))).toEqual(after);
        expect(rewritten(text, before)).toBe(text);
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});
