import { InputError } from "../graph/input-error.ts";
import type { OwnParts } from "./dataset.ts";
import type { NpyArray } from "./npy.ts";
import { namesOfPart } from "./part-names.ts";

/** What samples and targets are called in a .npz file, alone or with the name of a part; the first that is there counts. */
const SAMPLES = ["x", "images", "data", "features"];
const TARGETS = ["y", "labels", "targets"];

/** What parts are called: x_train, train_x, X_val, testX. An array without a part is training data. */
const PARTS: Readonly<Record<keyof OwnParts, readonly string[]>> = {
  train: ["", ...namesOfPart("train")],
  validation: [...namesOfPart("validation"), "dev"],
  test: namesOfPart("test"),
};

/** An array and the name that the file has for it. */
interface NamedArray {
  readonly name: string;
  readonly array: NpyArray;
}

/** Samples and targets of one part. */
export interface ArrayPart {
  readonly part: keyof OwnParts;
  readonly x: NamedArray;
  readonly y: NamedArray | undefined;
}

/**
 * The parts that a .npz file's arrays are, by their names: x and y, X and Y, x_train and y_train with
 * x_val, x_test and their targets as Keras' mnist.npz has them, train_images and train_labels. Arrays
 * with other names are left alone. The training part is the first.
 *
 * @param inputName the model's input, whose name the samples may have.
 * @throws InputError where the training samples are missing, a part has targets without samples, or
 *   only some parts have targets.
 */
export function arrayParts(
  arrays: ReadonlyMap<string, NpyArray>,
  file: string,
  inputName?: string,
): readonly ArrayPart[] {
  const given = inputName !== undefined && !arrays.has("x") && arrays.has(inputName);
  const parts: ArrayPart[] = [];
  for (const part of Object.keys(PARTS) as (keyof OwnParts)[]) {
    const input = given && part === "train" ? namedArray(arrays, inputName) : undefined;
    const x = input ?? named(arrays, SAMPLES, part, file);
    const y = named(arrays, TARGETS, part, file);
    if (x !== undefined) parts.push({ part, x, y });
    else if (y !== undefined && part !== "train") {
      throw new InputError(`${y.name}: has targets, but no array has their samples`, file);
    }
  }
  if (parts[0]?.part !== "train") {
    const names = [...arrays.keys()].join(", ") || "none";
    throw new InputError(`has no array x, nor x_train; it has ${names}`, file);
  }
  refuseHalf(parts, file);
  return parts;
}

function refuseHalf(parts: readonly ArrayPart[], file: string): void {
  const answered = parts.find(({ y }) => y !== undefined);
  const open = parts.find(({ y }) => y === undefined);
  if (answered?.y === undefined || open === undefined) return;
  throw new InputError(
    `${open.x.name}: no array has its targets, but ${answered.x.name} has those in ${answered.y.name}`,
    file,
  );
}

function named(
  arrays: ReadonlyMap<string, NpyArray>,
  words: readonly string[],
  part: keyof OwnParts,
  file: string,
): NamedArray | undefined {
  for (const word of words) {
    const fitting = [...arrays.keys()].filter((name) => isNamed(name, word, PARTS[part]));
    const [first, second] = fitting;
    if (first !== undefined && second !== undefined) {
      const what = `${words === SAMPLES ? "samples" : "targets"} of the ${part} part`;
      throw new InputError(`${first} and ${second}: both are the ${what}; leave one`, file);
    }
    if (first !== undefined) return namedArray(arrays, first);
  }
  return undefined;
}

function namedArray(arrays: ReadonlyMap<string, NpyArray>, name: string): NamedArray | undefined {
  const array = arrays.get(name);
  return array === undefined ? undefined : { name, array };
}

/** True where the name is the word and, before or behind it, one of the parts' names, or none. */
function isNamed(name: string, word: string, partNames: readonly string[]): boolean {
  const letters = name.toLowerCase().replaceAll(/[_\-. ]/g, "");
  return partNames.some((part) => letters === word + part || letters === part + word);
}
