import { DataType } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import { isList, isObject, type Json, type JsonObject, shown } from "../layers/json.ts";
import type { Size } from "../layers/layer-value.ts";

/** TensorFlow's element types, by name and by number in its enumeration; TensorFlow.js has int32 for int64. */
const ELEMENT_TYPES: readonly (readonly [string, number, DataType])[] = [
  ["DT_FLOAT", 1, DataType.FLOAT],
  ["DT_DOUBLE", 2, DataType.FLOAT],
  ["DT_INT32", 3, DataType.INT32],
  ["DT_UINT8", 4, DataType.INT32],
  ["DT_INT16", 5, DataType.INT32],
  ["DT_INT8", 6, DataType.INT32],
  ["DT_INT64", 9, DataType.INT32],
  ["DT_BOOL", 10, DataType.BOOL],
  ["DT_HALF", 19, DataType.FLOAT],
];

/** Longer lists are no operator's. */
const LONGEST_LIST = 256;

/** TensorFlow refuses more axes, too. */
const MOST_AXES = 8;

/**
 * The attributes of a node, each checked where it is read. Fields that hold a zero, false or an empty
 * list may be left out, as the JSON form of protocol buffers does; 64-bit numbers are texts in it, and
 * texts are base64 or lists of bytes.
 */
export class NodeAttributes {
  constructor(
    readonly raw: JsonObject,
    /** Named in refusals: "node conv1". */
    readonly where: string,
  ) {}

  has(name: string): boolean {
    return this.raw[name] !== undefined && this.raw[name] !== null;
  }

  /** One of the given words; the first is taken for an attribute that is left out. */
  word<Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
    if (!this.has(name)) return words[0];
    const text = decodedText(this.#field(name, "s") ?? "");
    const word = words.find((each) => each === text);
    return word ?? this.#refuse(name, `one of ${words.join(", ")}`);
  }

  /** "" for one that is left out. */
  text(name: string): string {
    if (!this.has(name)) return "";
    return decodedText(this.#field(name, "s") ?? "") ?? this.#refuse(name, "a text");
  }

  words(name: string): string[] {
    return this.#list(name, "s").map((item) => {
      const text = decodedText(item);
      return text ?? this.#refuse(name, "a list of texts");
    });
  }

  flag(name: string): boolean {
    if (!this.has(name)) return false;
    const value = this.#field(name, "b") ?? false;
    return typeof value === "boolean" ? value : this.#refuse(name, "true or false");
  }

  number(name: string, fallback: number): number {
    if (!this.has(name)) return fallback;
    const value = Number(this.#field(name, "f") ?? this.#field(name, "i") ?? 0);
    return Number.isFinite(value) ? value : this.#refuse(name, "a number");
  }

  integer(name: string, fallback: number): number {
    if (!this.has(name)) return fallback;
    return wholeNumber(this.#field(name, "i") ?? 0) ?? this.#refuse(name, "a whole number");
  }

  integers(name: string): number[] {
    return this.#list(name, "i").map(
      (item) => wholeNumber(item) ?? this.#refuse(name, "a list of whole numbers"),
    );
  }

  type(name: string): DataType | undefined {
    if (!this.has(name)) return undefined;
    return elementType(this.#field(name, "type"));
  }

  /** Sizes, null where open; undefined where even their number is. */
  shape(name: string): Size[] | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#field(name, "shape");
    if (!isObject(value) || value.unknownRank === true || value.unknown_rank === true) {
      return undefined;
    }
    const dims = value.dim ?? [];
    if (!isList(dims) || dims.length > MOST_AXES) this.#refuse(name, "a list of sizes");
    return (dims as readonly Json[]).map((dim) => {
      const size = wholeNumber((isObject(dim) ? dim.size : undefined) ?? 0);
      if (size === undefined || size < -1 || size >= 2 ** 31) this.#refuse(name, "sizes");
      return size === -1 ? null : (size as number);
    });
  }

  #field(name: string, kind: string): Json | undefined {
    const value = this.raw[name];
    if (!isObject(value)) this.#refuse(name, "an object that holds its value");
    return (value as JsonObject)[kind];
  }

  #list(name: string, kind: string): readonly Json[] {
    if (!this.has(name)) return [];
    const list = this.#field(name, "list") ?? {};
    const items = isObject(list) ? (list[kind] ?? []) : undefined;
    if (!isList(items) || items.length > LONGEST_LIST) this.#refuse(name, "a list");
    return items as readonly Json[];
  }

  #refuse(name: string, needed: string): never {
    throw new InputError(
      `${this.where}: its attribute ${name} is ${shown(this.raw[name])}; ${needed} is needed`,
    );
  }
}

/** Undefined for types that TensorFlow.js has no tensors of. */
export function elementType(value: Json | undefined): DataType | undefined {
  return ELEMENT_TYPES.find(([name, number]) => value === name || value === number)?.[2];
}

/** Protocol buffers' bytes: base64, or a list of numbers. */
function decodedText(value: Json): string | undefined {
  if (typeof value === "string") return Buffer.from(value, "base64").toString("latin1");
  const bytes = isList(value) && value.every((byte) => Number.isInteger(byte));
  return bytes ? Buffer.from(value as readonly number[]).toString("latin1") : undefined;
}

function wholeNumber(value: Json): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return Number.isSafeInteger(number) ? (number as number) : undefined;
}

/** As the JSON form has a text. */
export function encodedText(text: string): string {
  return Buffer.from(text, "latin1").toString("base64");
}
