import { isList, isObject, type Json } from "./json.ts";

/** How a file writes its JSON. */
export interface JsonStyle {
  /** One step of indentation; "" where all is on one line. */
  readonly indent: string;
  /** Between a key and its value, ":" or ": ". */
  readonly colon: string;
  /** Between two items on a line, "," or ", " (as Python writes it). */
  readonly comma: string;
}

/** As the beginning of the text has it. */
export function jsonStyle(text: string): JsonStyle {
  const indent = /^\s*\{\r?\n([ \t]+)"/.exec(text)?.[1] ?? "";
  const colon = /"\s*:( ?)/.exec(text)?.[1] === " " ? ": " : ":";
  const comma = /,( ?)"/.exec(text)?.[1] === " " ? ", " : ",";
  return { indent, colon, comma };
}

/** @param depth how many steps the line of the value is indented. */
export function jsonText(value: Json, style: JsonStyle, depth = 0): string {
  const { indent, colon, comma } = style;
  const items = isList(value)
    ? value.map((item) => jsonText(item, style, depth + 1))
    : isObject(value)
      ? Object.entries(value).map(
          ([key, item]) => JSON.stringify(key) + colon + jsonText(item, style, depth + 1),
        )
      : undefined;
  if (items === undefined) return JSON.stringify(value);
  const [open, close] = isList(value) ? ["[", "]"] : ["{", "}"];
  if (items.length === 0) return `${open}${close}`;
  if (indent === "") return `${open}${items.join(comma)}${close}`;
  const line = `\n${indent.repeat(depth + 1)}`;
  return `${open}${line}${items.join(`,${line}`)}\n${indent.repeat(depth)}${close}`;
}
