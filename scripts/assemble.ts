import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import wabt from "wabt";

/**
 * `npm run assemble` puts src/passes/float32-kernel.wat, WebAssembly in its text form, into the module
 * beside it that carries its binary form; with `-- --check` it only says whether that is up to date.
 */

const passes = join("src", "passes");
const target = join(passes, "float32-kernel-code.ts");

const { parseWat } = await wabt();
const file = join(passes, "float32-kernel.wat");
const { buffer } = parseWat(file, await readFile(file, "utf8"), { simd: true }).toBinary({});
const code = Buffer.from(buffer).toString("base64");
const text = `/** float32-kernel.wat in binary form, by \`npm run assemble\`. */
export const FLOAT32_KERNEL =
  "${code}";
`;
if (!process.argv.includes("--check")) await writeFile(target, text);
else if ((await readFile(target, "utf8")) !== text) {
  console.error(`${target} is not what ${file} says; npm run assemble makes it so`);
  process.exitCode = 1;
}
