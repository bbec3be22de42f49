import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { createVsix, nativeTargets, type Target } from "../../scripts/vsix.ts";
import { launchVsCode, type RunningVsCode } from "./harness/launch.ts";
import { test } from "./harness/test.ts";
import { digits, foldAll, openModel } from "./support.ts";

const machine = nativeTargets.filter((target) => target === `${process.platform}-${process.arch}`);
const installable: [Target, string][] = [
  ["universal", "onnxruntime-web"],
  ...machine.map((target): [Target, string] => [target, "onnxruntime-node"]),
];

describe.each(installable)("the installed package for %s", (target, runtime) => {
  let folder: string;
  let vscode: RunningVsCode;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "normlens-vsix-"));
    const { path } = await createVsix(target, folder);
    vscode = await launchVsCode({ extension: path });
  });

  afterAll(async () => {
    await vscode.stop();
    await rm(folder, { recursive: true });
  });

  test(`folds a model on ${runtime}`, async ({ openWorkspace }) => {
    const { workbench } = await openWorkspace({ "digits.onnx": digits }, { url: vscode.url });
    const page = await openModel(workbench, "digits.onnx");
    await page.locator("normlens-status-line .text", { hasText: runtime }).waitFor();
    await foldAll(page);
    expect(workbench.errors).toEqual([]);
  });
});
