import { opendir } from "node:fs/promises";
import { extname, join } from "node:path";

/** Entries of each folder, and folders of each level, that are looked at. */
const MOST_LOOKED_AT = 256;

/** Folders of parts have those of classes below, and those the files. */
const LEVELS = 3;

/** Which kinds of files there are in the folders below, by a look at some of them; in small letters with the dot. */
export async function extensionsBelow(root: string): Promise<ReadonlySet<string>> {
  const extensions = new Set<string>();
  let folders = [root];
  for (let level = 1; level <= LEVELS && folders.length > 0; level++) {
    const below: string[] = [];
    for (const folder of folders.slice(0, MOST_LOOKED_AT)) {
      let seen = 0;
      for await (const entry of await opendir(folder)) {
        if (entry.isDirectory()) below.push(join(folder, entry.name));
        else if (level > 1) extensions.add(extname(entry.name).toLowerCase());
        if (++seen >= MOST_LOOKED_AT) break;
      }
    }
    folders = below;
  }
  return extensions;
}
