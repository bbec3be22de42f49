import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../test/vscode/harness/paths.ts";

/** VS Code loads this file whole before the extension does anything. */
const entry = join("dist", "extension.cjs");
const entryLimit = 150_000;

/** What is wrong with the bundle of the extension host; nothing, when it is as promised. */
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
  if (/onnxruntime/.test(code)) {
    faults.push(`${entry} contains a runtime, which belongs to the engine process.`);
  }
  return faults;
}
