/**
 * Runs one of the TypeScript scripts of this folder: `node scripts/run.mjs package --all`.
 *
 * Node 20 cannot run TypeScript by itself, so the script is bundled first (a few milliseconds).
 */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));
const [name = ""] = process.argv.splice(2, 1);
const entry = join(folder, `${name}.ts`);

if (!existsSync(entry)) {
  const names = readdirSync(folder).filter((file) => file.endsWith(".ts"));
  console.error(`There is no script "${name}". There are: ${names.join(", ")}`);
  process.exit(2);
}

const outfile = join(folder, "..", "node_modules", ".cache", "normlens", `${name}.mjs`);
await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: "inline",
  logLevel: "error",
});
process.setSourceMapsEnabled(true);
await import(pathToFileURL(outfile).href);
