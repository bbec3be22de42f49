import { choice, type FieldRule, number, whole } from "./field-rules.ts";

const TEXT: FieldRule = {
  allowed: "a text",
  valid: (value) => typeof value === "string" && value.length <= 4096,
};

/** No side of an image is longer. */
const MOST_PIXELS = 2 ** 14;

/** The rules of `dataOptions`. */
export const DATA_FIELDS: Readonly<Record<string, FieldRule>> = {
  "dataOptions.labelColumn": TEXT,
  "dataOptions.header": choice("auto", "yes", "no"),
  "dataOptions.separator": choice("auto", ",", ";", "tab", "|"),
  "dataOptions.labels": TEXT,
  "dataOptions.height": whole(0, MOST_PIXELS),
  "dataOptions.width": whole(0, MOST_PIXELS),
  "dataOptions.channels": {
    allowed: "0, 1 or 3",
    valid: (value) => value === 0 || value === 1 || value === 3,
  },
  "dataOptions.layout": choice("auto", "NCHW", "NHWC"),
  "dataOptions.range": {
    allowed: "a list of two different numbers: what black and white become",
    valid: (value) =>
      Array.isArray(value) &&
      value.length === 2 &&
      value.every((item) => Number.isFinite(item)) &&
      value[0] !== value[1],
  },
  "dataOptions.sampleRate": number(
    "0, or a number from 100 to 384000",
    (value) => value === 0 || (value >= 100 && value <= 384_000),
  ),
  "dataOptions.seconds": number("a number from 0 to 3600", (value) => value >= 0 && value <= 3600),
};
