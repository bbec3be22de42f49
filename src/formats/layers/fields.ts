import { InputError } from "../../graph/input-error.ts";
import { isList, isObject, type Json, type JsonObject, shown } from "./json.ts";

/** Sizes past this are no layer's; products of a few of them still are exact numbers. */
const LARGEST_SIZE = 2 ** 31 - 1;

/**
 * The fields of a layer's config, each checked where it is read. A field that is null counts as left
 * out, as it does for Keras.
 */
export class Fields {
  constructor(
    readonly config: JsonObject,
    /** Named in refusals, for example "layer conv1". */
    readonly where: string,
  ) {}

  has(name: string): boolean {
    return this.config[name] !== undefined && this.config[name] !== null;
  }

  value(name: string): Json | undefined {
    return this.config[name];
  }

  number(name: string, fallback?: number): number {
    const value = this.#given(name, fallback);
    if (typeof value !== "number" || !Number.isFinite(value)) this.refuse(name, "a number");
    return value as number;
  }

  /** A whole number from 1 on. */
  size(name: string, fallback?: number): number {
    const value = this.#given(name, fallback);
    return isSize(value) ? value : this.refuse(name, "a whole number from 1 on");
  }

  integer(name: string, fallback?: number): number {
    const value = this.number(name, fallback);
    return Number.isInteger(value) ? value : this.refuse(name, "a whole number");
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#given(name, fallback);
    return typeof value === "boolean" ? value : this.refuse(name, "true or false");
  }

  string(name: string, fallback?: string): string {
    const value = this.#given(name, fallback);
    return typeof value === "string" ? value : this.refuse(name, "a text");
  }

  /** One size for each of the given number of axes; a single number stands for all of them. */
  sizes(name: string, count: number, fallback?: number): number[] {
    const value = this.#given(name, fallback);
    const list = isList(value) ? value : Array.from({ length: count }, () => value);
    if (list.length !== count || !list.every(isSize)) {
      this.refuse(name, count === 1 ? "a whole number from 1 on" : `${count} whole numbers`);
    }
    return list as number[];
  }

  /** A list of whole numbers; a single one is a list of one. */
  integers(name: string): number[] {
    const value = this.value(name);
    const list = isList(value) ? value : [value];
    if (!list.every((item) => Number.isInteger(item) && Math.abs(item as number) <= LARGEST_SIZE)) {
      this.refuse(name, "a list of whole numbers");
    }
    return list as number[];
  }

  object(name: string): JsonObject {
    const value = this.value(name);
    return isObject(value) ? value : this.refuse(name, "an object");
  }

  refuse(name: string, needed: string): never {
    throw new InputError(
      `${this.where}: ${name} is ${shown(this.config[name])}; ${needed} is needed`,
    );
  }

  #given<Value extends Json>(name: string, fallback: Value | undefined): Json | undefined {
    return this.has(name) ? this.config[name] : fallback;
  }
}

function isSize(value: Json | undefined): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= LARGEST_SIZE;
}
