import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** The files of a workspace: a path in it, and either the content or the file to copy. */
export type WorkspaceFiles = Record<string, string | Uint8Array | { copyOf: string }>;

/** Writes the files into a folder that is there, in place of all that it holds. */
export async function fillFolder(folder: string, files: WorkspaceFiles): Promise<void> {
  for (const entry of await readdir(folder)) {
    await rm(join(folder, entry), { recursive: true });
  }
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    if (typeof content === "object" && "copyOf" in content) {
      await cp(content.copyOf, file, { recursive: true });
    } else {
      await writeFile(file, content);
    }
  }
}
