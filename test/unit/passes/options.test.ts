import { expect, test } from "vitest";
import { checkedOptions } from "../../../src/passes/options.ts";
import { technique } from "../../support/technique.ts";

test("what is not given has its default", () => {
  expect(checkedOptions(technique, { rate: 0.25 })).toEqual({
    mode: "exact",
    rate: 0.25,
    after: false,
    layer: "",
  });
});

test.each([
  [{ speed: 1 }, "insert-something: there is no option speed; they are: mode, rate, after, layer"],
  [{ mode: "fast" }, 'insert-something: option mode is "fast"; "exact" or "calibrated" is needed'],
  [{ rate: 2 }, "insert-something: option rate is 2; a number from 0 to 1 is needed"],
  [{ rate: "x" }, 'insert-something: option rate is "x"; a number from 0 to 1 is needed'],
  [{ after: 1 }, "insert-something: option after is 1; true or false is needed"],
  [{ layer: 3 }, "insert-something: option layer is 3; text is needed"],
])("%j is refused in one sentence", (given, sentence) => {
  expect(() => checkedOptions(technique, given)).toThrow(sentence);
});

test("a technique without options says so", () => {
  expect(() => checkedOptions({ id: "fold", options: [] }, { eps: 1 })).toThrow(
    "fold: there is no option eps; it has none",
  );
});
