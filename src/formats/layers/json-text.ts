import { isList, isObject, type Json, type JsonObject } from "./json.ts";

interface Member {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The text of a changed document: what did not change keeps its own text, so that the spelling of
 * numbers (1.0, 1e-05) and the spacing stay as the file had them.
 *
 * @param text valid JSON, the text of before.
 */
export function changedJsonText(text: string, before: Json, after: Json): string {
  const start = skipSpace(text, 0);
  const end = valueEnd(text, start);
  return text.slice(0, start) + changed(text, start, end, before, after) + text.slice(end);
}

function changed(text: string, start: number, end: number, before: Json, after: Json): string {
  if (before === after) return text.slice(start, end);
  if (isList(before) && isList(after)) return changedList(text, start, end, before, after);
  if (isObject(before) && isObject(after)) return changedObject(text, start, end, before, after);
  return spelled(after);
}

function changedObject(
  text: string,
  start: number,
  end: number,
  before: JsonObject,
  after: JsonObject,
): string {
  const spans = new Map(members(text, start, end).map((member) => [member.key, member]));
  const items = Object.entries(after).map(([key, value]) => {
    const span = spans.get(key);
    const old = before[key];
    const written =
      span === undefined || old === undefined
        ? spelled(value)
        : changed(text, span.start, span.end, old, value);
    return `${JSON.stringify(key)}: ${written}`;
  });
  return joined(text, start, end, items, "{", "}");
}

/** Items that are the same objects keep their text; others are paired by what they are called. */
function changedList(
  text: string,
  start: number,
  end: number,
  before: readonly Json[],
  after: readonly Json[],
): string {
  const spans = members(text, start, end);
  const byIdentity = new Map(before.map((item, index) => [item, index] as const));
  const byName = new Map(before.map((item, index) => [nameOf(item), index] as const));
  const items = after.map((item, position) => {
    const same = isObject(item) || isList(item) ? byIdentity.get(item) : undefined;
    const named = nameOf(item) === undefined ? undefined : byName.get(nameOf(item));
    const index = same ?? named ?? position;
    const [span, old] = [spans[index], before[index]];
    if (span === undefined || old === undefined) return spelled(item);
    return changed(text, span.start, span.end, old, item);
  });
  return joined(text, start, end, items, "[", "]");
}

function nameOf(item: Json): Json | undefined {
  if (!isObject(item)) return undefined;
  return item.name ?? (isObject(item.config) ? item.config.name : undefined);
}

/** In the list's own spacing: that in front of its first item. */
function joined(
  text: string,
  start: number,
  end: number,
  items: readonly string[],
  open: string,
  close: string,
): string {
  if (items.length === 0) return open + close;
  const space = text.slice(start + 1, skipSpace(text, start + 1));
  const last = /\s*$/.exec(text.slice(start + 1, end - 1))?.[0] ?? "";
  return open + space + items.join(space === "" ? ", " : `,${space}`) + last + close;
}

/** As Python's json.dumps spaces it. */
function spelled(value: Json): string {
  if (isList(value)) return `[${value.map(spelled).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value).map(
    ([key, item]) => `${JSON.stringify(key)}: ${spelled(item)}`,
  );
  return `{${entries.join(", ")}}`;
}

/** Where the members of an object or a list have their values. */
function members(text: string, start: number, end: number): Member[] {
  const found: Member[] = [];
  const named = text[start] === "{";
  for (let position = skipSpace(text, start + 1); position < end - 1; ) {
    let key = "";
    if (named) {
      const keyEnd = valueEnd(text, position);
      key = JSON.parse(text.slice(position, keyEnd)) as string;
      // Past the colon.
      position = skipSpace(text, skipSpace(text, keyEnd) + 1);
    }
    const valueStop = valueEnd(text, position);
    found.push({ key, start: position, end: valueStop });
    // Past the comma.
    position = skipSpace(text, skipSpace(text, valueStop) + 1);
  }
  return found;
}

function skipSpace(text: string, start: number): number {
  let position = start;
  while (" \t\r\n\uFEFF".includes(text[position] ?? "x")) position++;
  return position;
}

/** Behind the value that begins at start. */
function valueEnd(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  let position = start;
  for (; position < text.length; position++) {
    const character = text[position] ?? "";
    if (quoted) {
      if (character === "\\") position++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (depth === 0 && " \t\r\n,:".includes(character)) break;
    if (depth < 0) break;
    if (depth === 0 && !quoted && /["}\]]/.test(character)) return position + 1;
  }
  return position;
}
