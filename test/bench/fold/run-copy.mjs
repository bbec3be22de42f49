import { readFile, writeFile } from "node:fs/promises";

/** `node run-copy.mjs INPUT OUTPUT`: reads a file and writes the same bytes. */
const [input, output] = process.argv.slice(2);
await writeFile(output, await readFile(input));
