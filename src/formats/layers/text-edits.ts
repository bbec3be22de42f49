import { isDeepStrictEqual } from "node:util";
import { parseTree, type Node as TextNode } from "jsonc-parser";
import { isList, isObject, type Json, type JsonObject } from "./json.ts";
import { type JsonStyle, jsonStyle, jsonText } from "./json-style.ts";

/** The characters from offset on are replaced; offsets count UTF-16 units of the text before. */
export interface TextEdit {
  readonly offset: number;
  readonly length: number;
  readonly content: string;
}

/** Longer lists that changed are written anew, as comparing them item by item takes their square. */
const LONGEST_COMPARED = 20_000;

/**
 * The smallest changes found that make one document another, so that what is the same keeps its
 * spacing, its order and its way of writing numbers. They are tried on the text before they are given.
 *
 * @param text valid JSON whose value is before.
 * @returns in ascending order, without overlaps.
 */
export function textEdits(text: string, before: Json, after: Json): TextEdit[] {
  const root = parseTree(text);
  const style = jsonStyle(text);
  const everything = { offset: 0, length: text.length, content: jsonText(after, style) };
  if (root === undefined) return [everything];
  const edits = joined([...valueEdits({ text, style }, root, before, after, 0)]);
  try {
    if (isDeepStrictEqual(JSON.parse(withEdits(text, edits)), after)) return edits;
  } catch {
    // A text of which only a part could be changed is written anew.
  }
  return [everything];
}

/** The text of a document that has become another one, as textEdits has it. */
export function changedText(text: string, before: Json, after: Json): string {
  return withEdits(text, textEdits(text, before, after));
}

/** @param edits in ascending order, without overlaps. */
export function withEdits(text: string, edits: readonly TextEdit[]): string {
  const parts: string[] = [];
  let position = 0;
  for (const { offset, length, content } of edits) {
    parts.push(text.slice(position, offset), content);
    position = offset + length;
  }
  return parts.join("") + text.slice(position);
}

interface Source {
  readonly text: string;
  readonly style: JsonStyle;
}

/** An item of a list or a field of an object: what it is known by, and its text. */
interface Item {
  readonly key: unknown;
  readonly value: Json;
}

function* valueEdits(
  source: Source,
  node: TextNode,
  before: Json,
  after: Json,
  depth: number,
): Iterable<TextEdit> {
  if (before === after) return;
  if (isList(before) && isList(after) && before.length > 0 && after.length > 0) {
    if (before.length <= LONGEST_COMPARED && after.length <= LONGEST_COMPARED) {
      yield* itemEdits(source, node, before.map(listItem), after.map(listItem), depth);
      return;
    }
  }
  if (isObject(before) && isObject(after)) {
    const [fields, others] = [fieldsOf(before), fieldsOf(after)];
    if (fields.length > 0 && others.length > 0) {
      yield* itemEdits(source, node, fields, others, depth);
      return;
    }
  }
  const { offset, length } = node;
  yield { offset, length, content: jsonText(after, source.style, depth) };
}

function fieldsOf(object: JsonObject): Item[] {
  return Object.entries(object).map(([key, value]) => ({ key, value }));
}

/** Layers and weights are known by their name, whatever else of them changes. */
function listItem(value: Json): Item {
  if (!isObject(value)) return { key: value, value };
  const { config } = value;
  const name = value.name ?? (isObject(config) ? config.name : undefined);
  return { key: typeof name === "string" ? name : value, value };
}

function* itemEdits(
  source: Source,
  node: TextNode,
  before: readonly Item[],
  after: readonly Item[],
  depth: number,
): Iterable<TextEdit> {
  const children = node.children ?? [];
  const isField = node.type === "object";
  const { style } = source;
  const separator = separatorOf(source, children, depth);
  const written = ({ key, value }: Item) =>
    (isField ? `${JSON.stringify(key)}${style.colon}` : "") + jsonText(value, style, depth + 1);
  let [i, j] = [0, 0];
  /** The last item that stays in front of what comes next; undefined at the beginning. */
  let kept: TextNode | undefined;
  let leading = "";
  while (i < before.length || j < after.length) {
    const [one, other, child] = [before[i], after[j], children[i]];
    if (one !== undefined && other !== undefined && child !== undefined) {
      const same = one.key === other.key;
      if (same || !hasLater(after, j, one.key, before, i, other.key)) {
        const value = isField ? (child.children?.[1] ?? child) : child;
        if (leading !== "") yield { offset: child.offset, length: 0, content: leading };
        leading = "";
        if (same || !isField) yield* valueEdits(source, value, one.value, other.value, depth + 1);
        else yield { offset: child.offset, length: child.length, content: written(other) };
        kept = child;
        i++;
        j++;
        continue;
      }
    }
    const isGone =
      child !== undefined &&
      one !== undefined &&
      (other === undefined || !isAmong(after, j, one.key));
    if (isGone) {
      const next = children[i + 1];
      const previous = children[i - 1];
      if (kept !== undefined && previous !== undefined) {
        yield cut(end(previous), end(child));
      } else yield cut(child.offset, next?.offset ?? end(child));
      i++;
    } else if (other !== undefined) {
      if (kept === undefined) leading += written(other) + separator;
      else yield { offset: end(kept), length: 0, content: separator + written(other) };
      j++;
    } else i++;
  }
}

/** Whether one of two items that differ is found further on, so that they are no pair. */
function hasLater(
  after: readonly Item[],
  j: number,
  gone: unknown,
  before: readonly Item[],
  i: number,
  come: unknown,
): boolean {
  return isAmong(after, j, gone) || isAmong(before, i, come);
}

function isAmong(items: readonly Item[], from: number, key: unknown): boolean {
  for (let position = from; position < items.length; position++) {
    if (items[position]?.key === key) return true;
  }
  return false;
}

/** What stands between two items: as between the first two, else in the document's style. */
function separatorOf({ text, style }: Source, children: readonly TextNode[], depth: number) {
  const [first, second] = children;
  if (first !== undefined && second !== undefined) return text.slice(end(first), second.offset);
  return style.indent === "" ? style.comma : `,\n${style.indent.repeat(depth + 1)}`;
}

function end({ offset, length }: TextNode): number {
  return offset + length;
}

function cut(from: number, to: number): TextEdit {
  return { offset: from, length: to - from, content: "" };
}

/** Edits that touch become one: whoever makes them need not know which comes first. */
function joined(edits: readonly TextEdit[]): TextEdit[] {
  const result: TextEdit[] = [];
  for (const edit of edits.toSorted((a, b) => a.offset - b.offset)) {
    const last = result.at(-1);
    if (last === undefined || last.offset + last.length < edit.offset) {
      result.push(edit);
      continue;
    }
    const length = Math.max(last.offset + last.length, edit.offset + edit.length) - last.offset;
    const content = last.content + edit.content;
    result[result.length - 1] = { offset: last.offset, length, content };
  }
  return result;
}
