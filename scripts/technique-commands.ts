import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ANALYSES } from "../src/analyses/registry.ts";
import { PASSES } from "../src/passes/registry.ts";
import { root } from "../test/vscode/harness/paths.ts";
import { techniqueCommands } from "./technique-manifest.ts";

/**
 * `npm run techniques`: writes a palette command for every pass and analysis into package.json and
 * its title into package.nls.json. VS Code knows only commands that the manifest declares.
 */
const manifestFile = join(root, "package.json");
const titlesFile = join(root, "package.nls.json");
const manifest = JSON.parse(await readFile(manifestFile, "utf8"));
const titles: Record<string, string> = JSON.parse(await readFile(titlesFile, "utf8"));
const wanted = techniqueCommands(PASSES, ANALYSES);
const { contributes } = manifest;

contributes.commands = [
  ...contributes.commands.filter(({ command }: { command: string }) => !isTechnique(command)),
  ...wanted.map(({ declaration }) => declaration),
];
const others = Object.entries(titles).filter(([key]) => !isTechnique(key));
const last = others.findLastIndex(([key]) => key.startsWith("command."));
others.splice(last + 1, 0, ...wanted.map(({ key, title }): [string, string] => [key, title]));

await write(manifestFile, manifest);
await write(titlesFile, Object.fromEntries(others));
console.log(`${wanted.length} commands of techniques are in the manifest.`);

function isTechnique(name: string): boolean {
  return /^(?:normlens|command)\.(?:pass|analysis)\./.test(name);
}

async function write(file: string, content: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(content, undefined, 2)}\n`);
}
