import { lstatSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join, sep } from "node:path";
import { create } from "@bufbuild/protobuf";
import { StringStringEntryProtoSchema } from "onnx-buf";
import { InputError } from "../../graph/input-error.ts";
import type { TensorData } from "../../graph/tensor.ts";
import { fileData } from "./file-range.ts";

/** Where a tensor's data lies outside the model file, as external_data states it. */
export interface ExternalLocation {
  /** Path relative to the model's folder. */
  readonly location: string;
  /** In bytes from the start of that file. */
  readonly offset: number;
  /** In bytes; the rest of the file when undefined. */
  readonly length: number | undefined;
}

/**
 * Reads the key/value pairs of external_data. Unknown keys are carried along and otherwise ignored.
 *
 * @throws InputError when the location is missing or a number is not a whole, non-negative one.
 */
export function parseExternalLocation(
  tensor: string,
  entries: readonly { readonly key: string; readonly value: string }[],
): ExternalLocation {
  const values = new Map(entries.map((entry) => [entry.key, entry.value]));
  const location = values.get("location");
  if (location === undefined || location === "") {
    throw new InputError(`initializer ${tensor}: external_data has no location`);
  }
  return {
    location,
    offset: wholeNumber(tensor, "offset", values.get("offset")) ?? 0,
    length: wholeNumber(tensor, "length", values.get("length")),
  };
}

/** The key/value pairs of external_data for a place. */
export function externalEntries({ location, offset, length }: ExternalLocation) {
  const values = { location, offset, ...(length === undefined ? {} : { length }) };
  return Object.entries(values).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  );
}

function wholeNumber(tensor: string, key: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InputError(
      `initializer ${tensor}: external_data ${key} is ${JSON.stringify(text)}, a whole number of bytes is needed`,
    );
  }
  return value;
}

/** Files that external data may come from: regular, not linked, inside the model's real folder. */
export class ExternalFolder {
  readonly #folder: string;
  readonly #checked = new Map<string, { readonly path: string; readonly bytes: number }>();

  constructor(modelFile: string) {
    this.#folder = realpathSync(dirname(modelFile));
  }

  /** Bytes of all external files that were asked for. */
  get totalBytes(): number {
    return [...this.#checked.values()].reduce((sum, file) => sum + file.bytes, 0);
  }

  /**
   * @param byteLength what the tensor's type and shape need.
   * @throws InputError when the file is outside the folder, missing, special, or too short.
   */
  data(tensor: string, external: ExternalLocation, byteLength: number): TensorData {
    const file = this.#check(tensor, external.location);
    if (external.length !== undefined && external.length !== byteLength) {
      throw new InputError(
        `initializer ${tensor}: external_data length is ${external.length} bytes, its type and shape need ${byteLength}`,
      );
    }
    if (external.offset + byteLength > file.bytes) {
      throw new InputError(
        `initializer ${tensor}: external data ends at byte ${external.offset + byteLength}, but ${external.location} has ${file.bytes} bytes`,
      );
    }
    return fileData({ path: file.path, offset: external.offset, byteLength });
  }

  #check(tensor: string, location: string): { readonly path: string; readonly bytes: number } {
    const known = this.#checked.get(location);
    if (known !== undefined) return known;
    const refuse = (why: string): never => {
      throw new InputError(
        `initializer ${tensor}: external data location ${JSON.stringify(location)} ${why}`,
      );
    };
    // Lexically first, so that nothing outside the folder is even asked for its existence.
    if (isAbsolute(location) || /^[A-Za-z]:|\\/.test(location)) refuse("must be a relative path");
    const path = join(this.#folder, location);
    if (!isInside(this.#folder, path)) refuse("points outside the model's folder");
    let real: string;
    try {
      real = realpathSync(path);
    } catch {
      return refuse("does not exist");
    }
    if (!isInside(this.#folder, real)) refuse("is a link to outside the model's folder");
    const stat = lstatSync(real);
    if (!stat.isFile()) refuse("is not a regular file");
    if (stat.nlink > 1) refuse("is a hard link, which could expose another file");
    const file = { path: real, bytes: stat.size };
    this.#checked.set(location, file);
    return file;
  }
}

function isInside(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
