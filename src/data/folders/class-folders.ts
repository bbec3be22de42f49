import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { InputError } from "../../graph/input-error.ts";
import type { ClassTargets, OwnParts } from "../dataset.ts";
import { PART_NAMES } from "../part-names.ts";

/** A file with one sample. */
export interface SampleFile {
  readonly path: string;
  readonly bytes: number;
  /** When it was last changed, in milliseconds. */
  readonly changed: number;
}

export interface ClassFolders {
  readonly files: readonly SampleFile[];
  readonly targets: ClassTargets;
  readonly parts?: OwnParts;
}

type Part = keyof OwnParts;

/** What is asked of an entry of a folder, whether it stands there itself or by a link. */
type Entry = Pick<Dirent, "name" | "isFile" | "isDirectory">;

/** Files that are asked for their size at a time. */
const AT_ONCE = 128;

const MOST_FILES = 10_000_000;

/**
 * The samples of a folder with a folder for each class; or with train and test (or validation) folders that
 * have those. Classes are in the order of their names, files too. Files of other kinds, and those whose name
 * begins with a dot, are left alone.
 *
 * @param extensions of the files that are samples, in small letters with the dot.
 * @throws InputError for a class without files, or a link that leads out of the folder.
 */
export async function readClassFolders(
  root: string,
  extensions: readonly string[],
): Promise<ClassFolders> {
  const folders = await foldersIn(root, root);
  const byPart = partFolders(folders, root);
  const found: { part: Part; className: string; file: string }[] = [];
  const parts = byPart ?? [["train", root] as const];
  for (const [part, folder] of parts) {
    for (const className of byPart === undefined ? folders : await foldersIn(folder, root)) {
      const files = await filesIn(join(folder, className), root, extensions);
      if (files.length === 0) {
        throw new InputError(
          `the class folder ${relative(root, join(folder, className))} has no ${extensions.join(" or ")} file`,
          root,
        );
      }
      for (const file of files) found.push({ part, className, file });
      if (found.length > MOST_FILES)
        throw new InputError(`has more than ${MOST_FILES} files`, root);
    }
  }
  if (found.length === 0) throw new InputError("has no folder of a class with samples", root);
  const classNames = [...new Set(found.map(({ className }) => className))].sort();
  const index = new Map(classNames.map((name, position) => [name, position]));
  const labels = Int32Array.from(found, ({ className }) => index.get(className) ?? 0);
  return {
    files: await withSizes(found.map(({ file }) => file)),
    targets: { kind: "classes", labels, classNames },
    ...(byPart === undefined ? {} : { parts: ownParts(found.map(({ part }) => part)) }),
  };
}

/** Folders of parts, where the names are those of parts and one of them is the training part. */
function partFolders(
  folders: readonly string[],
  root: string,
): readonly (readonly [Part, string])[] | undefined {
  const named = folders.map((name) => [PART_NAMES[name.toLowerCase()], join(root, name)] as const);
  const known = named.filter((entry): entry is readonly [Part, string] => entry[0] !== undefined);
  const complete = known.length === named.length && known.length > 1;
  return complete && known.some(([part]) => part === "train") ? known : undefined;
}

function ownParts(parts: readonly Part[]): OwnParts {
  const rows = (part: Part) =>
    Int32Array.from([...parts.keys()].filter((row) => parts[row] === part));
  const [validation, test] = [rows("validation"), rows("test")];
  return {
    train: rows("train"),
    ...(validation.length > 0 ? { validation } : {}),
    ...(test.length > 0 ? { test } : {}),
  };
}

async function foldersIn(folder: string, root: string): Promise<readonly string[]> {
  return (await entriesOf(folder, root, (entry) => entry.isDirectory())).sort();
}

async function filesIn(
  folder: string,
  root: string,
  extensions: readonly string[],
): Promise<readonly string[]> {
  const isSample = (entry: Entry) =>
    entry.isFile() && extensions.includes(extname(entry.name).toLowerCase());
  const names = await entriesOf(folder, root, isSample);
  return names.sort().map((name) => join(folder, name));
}

/** Links are followed within the root, and refused where they lead out of it. */
async function entriesOf(
  folder: string,
  root: string,
  isWanted: (entry: Entry) => boolean,
): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    if (!entry.isSymbolicLink()) {
      if (isWanted(entry)) names.push(entry.name);
      continue;
    }
    const path = join(folder, entry.name);
    const target = await realpath(path).catch(() => undefined);
    const inside = target?.startsWith((await realpath(root)) + sep) === true;
    if (target === undefined || !inside) {
      throw new InputError(
        `${relative(root, path)} is a symbolic link ${target === undefined ? "to nothing" : "out of the folder"}, which is not followed`,
        root,
      );
    }
    if (isWanted(await linkedEntry(target, entry))) names.push(entry.name);
  }
  return names;
}

async function linkedEntry(target: string, { name }: Entry): Promise<Entry> {
  const info = await stat(target);
  return { name, isFile: () => info.isFile(), isDirectory: () => info.isDirectory() };
}

async function withSizes(paths: readonly string[]): Promise<readonly SampleFile[]> {
  const files: SampleFile[] = [];
  for (let start = 0; start < paths.length; start += AT_ONCE) {
    const some = paths.slice(start, start + AT_ONCE).map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return { path, bytes: size, changed: mtimeMs };
    });
    files.push(...(await Promise.all(some)));
  }
  return files;
}
