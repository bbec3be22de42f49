import { constants } from "node:fs";
import { access, mkdir, rmdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { InputError } from "../graph/input-error.ts";
import { asInputError } from "./onnx/write.ts";

/**
 * Writes a file whose folder may not be there yet: it is made, with those above it, and taken away
 * again where nothing was written.
 *
 * @throws InputError where the folder cannot be made.
 */
export async function inTargetFolder<Result>(
  target: string,
  write: () => Promise<Result>,
): Promise<Result> {
  const folder = dirname(resolve(target));
  const made = await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw asInputError(error, target);
  });
  try {
    return await write();
  } catch (error) {
    if (made !== undefined) await removeEmpty(folder, made);
    throw error;
  }
}

/** Empty folders from one up to another that is around it. */
async function removeEmpty(from: string, to: string): Promise<void> {
  try {
    for (let folder = from; folder.startsWith(to); folder = dirname(folder)) await rmdir(folder);
  } catch {
    // Somebody else has put something there meanwhile.
  }
}

/**
 * Whether a file can be put somewhere, for work that takes long before there is one.
 *
 * @throws InputError where a folder on the way is none, or cannot be written.
 */
export async function requireTargetFolder(target: string): Promise<void> {
  let folder = dirname(resolve(target));
  for (;;) {
    const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw asInputError(error, target);
    });
    if (found?.isDirectory()) break;
    if (found !== undefined) {
      throw new InputError(`cannot be written: ${folder} is not a folder`, target);
    }
    folder = dirname(folder);
  }
  await access(folder, constants.W_OK).catch((error: unknown) => {
    throw asInputError(error, target);
  });
}
