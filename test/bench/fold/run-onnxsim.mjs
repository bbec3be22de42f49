import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** `node run-onnxsim.mjs ENTRY INPUT OUTPUT`: onnxsim with its defaults, file to file. */
const [entry, input, output] = process.argv.slice(2);
const { simplify } = await import(pathToFileURL(entry).href);
const { model } = await simplify(readFileSync(input));
writeFileSync(output, model);
process.exit(0);
