import type { Field } from "./field.ts";
import { weightsError } from "./loss-draft.ts";
import { splitError } from "./split-draft.ts";

/** What is wrong with the text of one field, as a sentence. */
export function fieldError(field: Field, text: string): string | undefined {
  const trimmed = text.trim();
  switch (field.kind) {
    case "box":
    case "names":
    case "words":
      return undefined;
    case "select":
      return field.options?.some(([value]) => value === text)
        ? undefined
        : "Choose one of the list.";
    case "data":
      return trimmed === "" ? "Choose a data set, or write digits." : undefined;
    case "text":
      return trimmed === "" ? "Write auto, or names between commas." : undefined;
    case "weights":
      return weightsError(trimmed);
    case "split":
      return splitError(trimmed);
    case "optional":
      return trimmed === "" ? undefined : numberError(field, trimmed);
    case "integer":
    case "number":
      return numberError(field, trimmed);
  }
}

function numberError(field: Field, text: string): string | undefined {
  if (text === "") return "A number is missing.";
  if (/^[+-]?\d*,\d+$/.test(text)) return `Write ${text.replace(",", ".")} with a point.`;
  const value = Number(text);
  if (!Number.isFinite(value)) return `“${text}” is not a number.`;
  if (field.kind === "integer" && !Number.isSafeInteger(value)) return "Must be a whole number.";
  const { min, max, openMin = false, openMax = false } = field;
  if (min !== undefined && (openMin ? value <= min : value < min)) {
    return openMin ? `Must be larger than ${min}.` : `Must be ${min} or more.`;
  }
  if (max !== undefined && (openMax ? value >= max : value > max)) {
    return openMax ? `Must be smaller than ${max}.` : `Must be ${max} or less.`;
  }
  return undefined;
}
