import type { OwnParts } from "./dataset.ts";

type Part = keyof OwnParts;

/** What the parts of a data set are called, in folders and in arrays. */
export const PART_NAMES: Readonly<Record<string, Part>> = {
  train: "train",
  training: "train",
  valid: "validation",
  validation: "validation",
  val: "validation",
  test: "test",
  testing: "test",
};

/** All that a part is called. */
export function namesOfPart(part: Part): readonly string[] {
  return Object.keys(PART_NAMES).filter((name) => PART_NAMES[name] === part);
}
