import { expect, test } from "vitest";
import {
  mustBeAsked,
  needsData,
  optionFromText,
  optionMistake,
  withDefaults,
} from "../../../src/protocol/technique-options.ts";
import { technique } from "../../support/technique.ts";

const option = (name: string) => {
  const found = technique.options.find((each) => each.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};

test.each([
  ["mode", "calibrated", "calibrated"],
  ["rate", " 0.25 ", 0.25],
  ["rate", "1e-3", 0.001],
  ["after", "true", true],
  ["layer", " conv 1", " conv 1"],
] as const)("%s: %j means %j", (name, text, value) => {
  expect(optionFromText(option(name), text)).toBe(value);
  expect(optionMistake(option(name), text)).toBeUndefined();
});

test.each([
  ["mode", "fast", '“fast” is not possible; "exact" or "calibrated" is needed.'],
  ["rate", "", "“” is not possible; a number from 0 to 1 is needed."],
  ["rate", "1.5", "“1.5” is not possible; a number from 0 to 1 is needed."],
  ["rate", "NaN", "“NaN” is not possible; a number from 0 to 1 is needed."],
  ["rate", "0,5", "Write 0.5 with a point."],
  ["after", "yes", "“yes” is not possible; true or false is needed."],
] as const)("%s: %j is told to be wrong", (name, text, sentence) => {
  expect(optionMistake(option(name), text)).toBe(sentence);
});

test("an option can make data necessary", () => {
  expect(needsData(technique, withDefaults(technique))).toBe(false);
  expect(needsData(technique, withDefaults(technique, { mode: "calibrated" }))).toBe(true);
  expect(needsData({ data: "always" }, {})).toBe(true);
  expect(needsData({ data: "optional" }, {})).toBe(false);
});

test("only data that is needed and not named must be asked for", () => {
  expect(mustBeAsked(technique, {})).toBe(false);
  const options = { mode: "calibrated" };
  expect(mustBeAsked(technique, { options })).toBe(true);
  expect(mustBeAsked(technique, { options, data: "digits" })).toBe(false);
  expect(mustBeAsked({ options: [], data: "always" }, {})).toBe(true);
});
