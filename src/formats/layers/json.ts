import { InputError } from "../../graph/input-error.ts";

/** A parsed JSON value; never mutated. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}

/** Real models nest about twenty levels; what walks a document may then be recursive. */
const DEEPEST_NESTING = 200;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !isList(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/**
 * Parses text that an untrusted file holds.
 *
 * @throws InputError where it is cut off, no JSON, or nested deeper than anything that walks it
 *   could follow.
 */
export function parseJson(text: string, what: string): Json {
  refuseDeepNesting(text, what);
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`${what} is not valid JSON, or is cut off: ${reason}`);
  }
}

function refuseDeepNesting(text: string, what: string): void {
  let depth = 0;
  let quoted = false;
  for (let position = 0; position < text.length; position++) {
    const character = text[position];
    if (quoted) {
      if (character === "\\") position++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    if (depth > DEEPEST_NESTING) {
      throw new InputError(`${what} is nested deeper than ${DEEPEST_NESTING} levels`);
    }
  }
}

/** A value for a message: short, whatever it is. */
export function shown(value: Json | undefined): string {
  // What 1e400 becomes; JSON itself has no word for it.
  const infinite = typeof value === "number" && !Number.isFinite(value);
  const text = infinite ? String(value) : (JSON.stringify(value) ?? "missing");
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
