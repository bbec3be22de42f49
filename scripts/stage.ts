import { constants } from "node:fs";
import { access, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { root } from "../test/vscode/harness/paths.ts";

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/**
 * Copies into a folder what a VSIX is made of. The packager compares each file of the folder and of
 * all packages with each pattern, which takes 2 ms a file: 20 s for a checkout, 2 s for this.
 *
 * @param allowed the patterns of what is packaged, as `.vscodeignore` has them behind its `!`.
 */
export async function stage(folder: string, allowed: readonly string[]): Promise<void> {
  for (const path of new Set(allowed.map(fixedPart))) {
    await cp(join(root, path), join(folder, path), {
      recursive: true,
      mode: constants.COPYFILE_FICLONE,
    });
  }
  // The packager has npm list the packages, which wants the manifests of all that they need.
  const manifests = new Set<string>();
  await addManifests("", manifests);
  for (const path of manifests) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await cp(join(root, path), join(folder, path));
  }
  const { devDependencies: _, ...shipped } = await manifestAt("package.json");
  await writeFile(join(folder, "package.json"), JSON.stringify(shipped, null, 2));
}

/** The part of a path pattern before its first wildcard. */
function fixedPart(pattern: string): string {
  const parts = pattern.split("/");
  const wild = parts.findIndex((part) => /[*?{[]/.test(part));
  return (wild < 0 ? parts : parts.slice(0, wild)).join("/");
}

/** The manifests of what the package in this folder depends on, as Node.js would find it. */
async function addManifests(folder: string, found: Set<string>): Promise<void> {
  const { dependencies = {} } = await manifestAt(join(folder, "package.json"));
  for (const name of Object.keys(dependencies)) {
    const dependency = await folderOf(name, folder);
    const manifest = join(dependency, "package.json");
    if (found.has(manifest)) continue;
    found.add(manifest);
    await addManifests(dependency, found);
  }
}

async function folderOf(name: string, from: string): Promise<string> {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (await isThere(join(root, candidate, "package.json"))) return candidate;
    if (folder === "" || folder === ".") throw new Error(`${name} is not installed.`);
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function manifestAt(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, path), "utf8")) as Manifest;
}
