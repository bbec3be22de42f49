import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What the fold comparison compares. Each tool is a Node script and its arguments, which read a
 * model file and write another.
 */

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..", "..");

/** Not a dependency of this package: only the comparison needs it, and it is large. */
const ONNXSIM_VERSION = "0.7.3";
const onnxsimFolder = join(tmpdir(), `normlens-onnxsim-${ONNXSIM_VERSION}`);

export const tools = {
  normlens: (input, output) => [
    join(root, "dist", "cli.js"),
    "fold",
    input,
    "-o",
    output,
    "--no-verify",
  ],
  onnxsim: (input, output) => [join(here, "run-onnxsim.mjs"), onnxsimEntry(), input, output],
  "ONNX Runtime": (input, output) => [join(here, "run-onnx-runtime.mjs"), input, output],
  copy: (input, output) => [join(here, "run-copy.mjs"), input, output],
};

/** Name and version of each tool, for the record. */
export function versions() {
  const version = (folder) =>
    JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
  const onnxRuntime = version(join(root, "node_modules", "onnxruntime-node"));
  return `NormLens ${version(root)}, onnxsim ${ONNXSIM_VERSION} (npm), ONNX Runtime ${onnxRuntime} (offline optimizer, level extended), Node ${process.versions.node}`;
}

function onnxsimEntry() {
  const entry = join(onnxsimFolder, "node_modules", "onnxsim", "index.mjs");
  if (!existsSync(entry)) {
    const args = ["install", "--prefix", onnxsimFolder, `onnxsim@${ONNXSIM_VERSION}`];
    execFileSync("npm", args, { stdio: "ignore" });
  }
  return entry;
}
