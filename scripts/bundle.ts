import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../test/vscode/harness/paths.ts";

/** VS Code loads this file whole before the extension does anything. */
const entry = join("dist", "extension.cjs");
const entryLimit = 150_000;

/** What `normlens fold --no-verify` does without: loading it would take longer than the folding. */
const foldDoesWithout = [
  "src/training/",
  "src/data/",
  "src/runtime/",
  "src/engine/certificate/",
  "src/passes/registry.ts",
];

/** What folding loads by name; the rest is what these import. */
const foldEntries = [
  "src/cli.ts",
  "src/cli/fold.ts",
  "src/cli/pass-command.ts",
  "src/passes/fold-batch-norm.ts",
];

interface Outputs {
  readonly [file: string]: {
    readonly entryPoint?: string;
    readonly inputs: Readonly<Record<string, unknown>>;
    readonly imports: readonly { readonly path: string; readonly kind: string }[];
  };
}

/** Source files that are loaded with the command line's fold command. */
async function loadedForFold(): Promise<readonly string[]> {
  const meta = JSON.parse(await readFile(join(root, "dist", "meta.json"), "utf8"));
  const outputs = meta.outputs as Outputs;
  const loaded = new Set(
    Object.keys(outputs).filter((file) => foldEntries.includes(outputs[file]?.entryPoint ?? "")),
  );
  for (const file of loaded) {
    for (const { path, kind } of outputs[file]?.imports ?? []) {
      if (kind === "import-statement") loaded.add(path);
    }
  }
  return [...loaded].flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
}

/** What is wrong with the bundles; nothing, when they are as promised. */
export async function bundleFaults(): Promise<string[]> {
  const file = join(root, entry);
  const { size } = await stat(file);
  const code = await readFile(file, "utf8");
  const faults: string[] = [];
  if (size >= entryLimit) {
    faults.push(`${entry} has ${size} bytes; it must stay under ${entryLimit}.`);
  }
  // The engine is reached over a pipe: a port would be open to every user and page of the machine.
  if (/require\("(node:)?(net|http|https|http2|dgram)"\)/.test(code)) {
    faults.push(`${entry} could listen on a port.`);
  }
  // Their packages, and not the setting that names an engine.
  if (/"onnxruntime-|"@tensorflow\//.test(code)) {
    faults.push(`${entry} contains a runtime, which belongs to the engine process.`);
  }
  const extra = (await loadedForFold()).filter((file) =>
    foldDoesWithout.some((start) => file.startsWith(start)),
  );
  if (extra.length > 0) {
    faults.push(`dist/cli.js loads for folding what that does without: ${extra.join(", ")}.`);
  }
  return faults;
}
