import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../test/vscode/harness/paths.ts";
import { thirdPartyNotices } from "./third-party.ts";

/**
 * `npm run notices -- [--check]`: writes THIRD-PARTY-NOTICES.md for what is bundled and shipped, or
 * checks that it is current. It reads what esbuild reported, so build first.
 */
const file = join(root, "THIRD-PARTY-NOTICES.md");
const current = await thirdPartyNotices();

if (!process.argv.includes("--check")) {
  await writeFile(file, current);
  console.log("THIRD-PARTY-NOTICES.md is written.");
} else if ((await readFile(file, "utf8")) !== current) {
  console.error("THIRD-PARTY-NOTICES.md is not current. Run: npm run build && npm run notices");
  process.exit(1);
}
