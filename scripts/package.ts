import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../test/vscode/harness/paths.ts";
import { run } from "../test/vscode/harness/run.ts";
import { createVsix, nativeTargets, type Target, targets } from "./vsix.ts";

/** `npm run package -- [--target TARGET] [--all]`: builds for production and makes VSIX packages. */
const { values } = parseArgs({
  options: { target: { type: "string" }, all: { type: "boolean", default: false } },
});

const chosen = values.all ? targets : [chosenTarget(values.target)];
// Chunks carry a hash in their names, so those of earlier builds would be packaged as well.
await rm(join(root, "dist"), { recursive: true, force: true });
await run("node", ["esbuild.mjs", "--production"], { cwd: root });
const packages = [];
for (const target of chosen) {
  packages.push(await createVsix(target, root));
}
for (const { path, bytes } of packages) {
  console.log(`${(bytes / 1e6).toFixed(1).padStart(6)} MB  ${path}`);
}

/** Without a target, the package for this machine. */
function chosenTarget(name = `${process.platform}-${process.arch}`): Target {
  const known = targets.find((target) => target === name);
  if (known) {
    return known;
  }
  if (values.target === undefined) {
    return "universal";
  }
  console.error(`There is no target "${name}". There are: universal, ${nativeTargets.join(", ")}.`);
  process.exit(2);
}
