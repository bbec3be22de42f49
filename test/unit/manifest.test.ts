import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { techniqueCommands } from "../../scripts/technique-manifest.ts";
import { ANALYSES } from "../../src/analyses/registry.ts";
import { PASSES } from "../../src/passes/registry.ts";
import { root } from "../vscode/harness/paths.ts";

interface Setting {
  description?: string;
  markdownDescription?: string;
  scope?: string;
  default?: unknown;
}

interface Manifest {
  activationEvents?: string[];
  capabilities: { untrustedWorkspaces: { supported: string; description: string } };
  extensionKind: string[];
  icon?: string;
  contributes: {
    commands: { command: string; title: string; category?: string }[];
    configuration: { properties: Record<string, Setting> };
    walkthroughs: { steps: { media: Record<string, string> }[] }[];
  };
}

const text = readFileSync(join(root, "package.json"), "utf8");
const manifest: Manifest = JSON.parse(text);
const { contributes } = manifest;
/** What scripts/technique-commands.ts writes; the host registers all that are declared. */
const techniqueName = /^normlens\.(?:pass|analysis)\./;
const commands = contributes.commands.map(({ command }) => command);

describe("the manifest", () => {
  test("names no command that the code does not know", () => {
    const code = sources(join(root, "src")).join("\n");
    const others = commands.filter((command) => !techniqueName.test(command));
    expect(others.filter((command) => !code.includes(`"${command}"`))).toEqual([]);
  });

  test("declares a command for every pass and analysis, with its title: npm run techniques", () => {
    const wanted = techniqueCommands(PASSES, ANALYSES);
    const declared = contributes.commands.filter(({ command }) => techniqueName.test(command));
    expect(declared).toEqual(wanted.map(({ declaration }) => declaration));
    const titles = JSON.parse(readFileSync(join(root, "package.nls.json"), "utf8"));
    expect(wanted.map(({ key }) => titles[key])).toEqual(wanted.map(({ title }) => title));
  });

  test("refers only to commands that it declares", () => {
    const { commands: _, ...others } = contributes;
    const texts = JSON.stringify(others) + readFileSync(join(root, "package.nls.json"), "utf8");
    const used = [...texts.matchAll(/(?:command:|"command":")(normlens\.[\w.]+)/g)];
    expect(
      used.map(([, command]) => command).filter((name) => !commands.includes(name ?? "")),
    ).toEqual([]);
  });

  test("gives every command a title and the category NormLens", () => {
    expect(contributes.commands.filter(({ title }) => !title)).toEqual([]);
    expect(new Set(contributes.commands.map(({ category }) => category))).toEqual(
      new Set(["NormLens"]),
    );
  });

  test("has a text for every key, and no text that is not used", () => {
    const used = [...text.matchAll(/%([\w.-]+)%/g)].map(([, key]) => key);
    const texts = JSON.parse(readFileSync(join(root, "package.nls.json"), "utf8"));
    expect(Object.keys(texts).sort()).toEqual([...new Set(used)].sort());
  });

  test("describes every setting, with its scope and default", () => {
    const incomplete = Object.entries(contributes.configuration.properties).filter(
      ([, setting]) =>
        !(setting.description || setting.markdownDescription) ||
        !setting.scope ||
        setting.default === undefined,
    );
    expect(incomplete.map(([name]) => name)).toEqual([]);
  });

  test("has a walkthrough of four to six steps, whose media exist", () => {
    for (const { steps } of contributes.walkthroughs) {
      expect(steps.length).toBeGreaterThanOrEqual(4);
      expect(steps.length).toBeLessThanOrEqual(6);
      const media = steps.flatMap((step) => Object.entries(step.media));
      const files = media.filter(([kind]) => kind !== "altText").map(([, file]) => file);
      expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    }
  });

  test("points only to files that exist", () => {
    const files = [...text.matchAll(/"\.?\/?(media\/[^"]+)"/g)].map(([, file]) => file ?? "");
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  test("wakes the extension for a reason, runs it beside the files, and respects trust", () => {
    expect(manifest.activationEvents ?? []).not.toContain("*");
    expect(manifest.extensionKind).toEqual(["workspace"]);
    expect(manifest.capabilities.untrustedWorkspaces.supported).toBe("limited");
  });
});

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(join(folder, file), "utf8"));
}
