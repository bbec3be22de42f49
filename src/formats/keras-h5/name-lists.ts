import { InputError } from "../../graph/input-error.ts";
import { type Hdf5Attribute, type Hdf5Group, textAttribute } from "../hdf5/tree.ts";

/** Longer lists Keras cuts into layer_names0, layer_names1, … (HDF5_OBJECT_HEADER_LIMIT). */
const LONGEST_LIST_BYTES = 64512;

/**
 * A list of names among a group's attributes.
 *
 * @param path the group's, for refusals.
 */
export function nameList(group: Hdf5Group, attribute: string, path: string): string[] {
  const whole = group.attributes.get(attribute);
  const parts = whole === undefined ? numbered(group, attribute) : [whole];
  if (parts.length === 0) throw new InputError(`${path} has no attribute ${attribute}`);
  const names = parts.flatMap(({ values }) => values);
  const bad = names.find((name) => typeof name !== "string");
  if (bad !== undefined) throw new InputError(`${attribute} of ${path} has ${bad}, not a name`);
  return names as string[];
}

function numbered(group: Hdf5Group, attribute: string): Hdf5Attribute[] {
  const parts: Hdf5Attribute[] = [];
  for (;;) {
    const part = group.attributes.get(`${attribute}${parts.length}`);
    if (part === undefined) return parts;
    parts.push(part);
  }
}

/** The group with another list of names, cut into pieces where it is long. */
export function withNameList(group: Hdf5Group, attribute: string, names: readonly string[]) {
  const attributes = new Map(group.attributes);
  const like = attributes.get(attribute) ?? attributes.get(`${attribute}0`);
  for (const key of group.attributes.keys()) {
    if (key === attribute || new RegExp(`^${attribute}\\d+$`).test(key)) attributes.delete(key);
  }
  const pieces: string[][] = [[]];
  let longest = 0;
  for (const name of names) {
    longest = Math.max(longest, Buffer.byteLength(name));
    const piece = pieces.at(-1) ?? [];
    // As if all were as long as the longest: that is how lists of fixed length are stored.
    if ((piece.length + 1) * longest > LONGEST_LIST_BYTES) pieces.push([name]);
    else piece.push(name);
  }
  for (const [index, piece] of pieces.entries()) {
    const key = pieces.length === 1 ? attribute : `${attribute}${index}`;
    attributes.set(key, textAttribute(piece, like));
  }
  return { ...group, attributes } satisfies Hdf5Group;
}
