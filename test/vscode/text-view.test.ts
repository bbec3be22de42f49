import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { root } from "./harness/paths.ts";
import { test } from "./harness/test.ts";
import type { Workbench } from "./harness/workbench.ts";
import { digits, openModel, seesDirty } from "./support.ts";

const name = "digits-cnn.onnx";
const text = `${name}.onnxtxt`;

async function openAsText(workbench: Workbench): Promise<void> {
  await openModel(workbench, name);
  await workbench.runCommand("NormLens: Open as Text");
  await workbench.tab(text).waitFor();
  await workbench.page.locator(".monaco-editor .squiggly-info").first().waitFor();
}

/** The line on which a node begins, from 1. */
async function lineOf(workbench: Workbench, start: string): Promise<number> {
  const problem = (await workbench.problems()).find((label) => label.includes(start));
  return Number(/at line (\d+)/.exec(problem ?? "")?.[1]);
}

test("a light bulb in the text folds; both views follow, and Undo works from the text", async ({
  openWorkspace,
}) => {
  const { folder, workbench } = await openWorkspace({ [name]: digits });
  const original = await readFile(join(folder, name));
  await openAsText(workbench);
  await workbench.goTo(await lineOf(workbench, "bn2 can be folded"), 5);
  expect(await workbench.lightBulb()).toContainEqual({
    title: "Fold bn2 into conv2",
    disabled: false,
  });
  await workbench.screenshot("text 1 light bulb");
  await workbench.applyCodeAction("Fold bn2 into conv2");
  await seesDirty(workbench, name, true);
  const lines = workbench.page.locator(".monaco-editor .view-lines");
  await lines.getByText("conv2.bias").first().waitFor();
  await workbench.screenshot("text 2 folded");

  await workbench.goTo(1);
  await workbench.page.keyboard.press("Control+z");
  await seesDirty(workbench, name, false);
  await workbench.page.locator(".tab.active", { hasText: text }).waitFor();
  await workbench.page.locator(".monaco-editor.focused").first().waitFor();
  await workbench.page.keyboard.press("Control+y");
  await seesDirty(workbench, name, true);
  expect((await readFile(join(folder, name))).equals(original)).toBe(true);
});

test("the text cannot be typed into", async ({ openWorkspace }) => {
  const { workbench } = await openWorkspace({ [name]: digits });
  await openAsText(workbench);
  await workbench.goTo(1);
  await workbench.page.keyboard.press("x");
  await workbench.page.getByText("light bulbs change the model").waitFor();
  await seesDirty(workbench, text, false);
  const first = workbench.page.locator(".monaco-editor .view-line").first();
  expect(await first.textContent()).toMatch(/^\/\//);
});

test("the text has an outline, and an action folds everything", async ({ openWorkspace }) => {
  const { workbench } = await openWorkspace({ [name]: digits });
  await openAsText(workbench);
  await workbench.page.keyboard.press("Control+Shift+O");
  const rows = workbench.page.locator(".quick-input-list .monaco-list-row");
  await rows.filter({ hasText: "pool2" }).waitFor();
  await workbench.screenshot("text 3 outline");
  await workbench.page.keyboard.press("Escape");
  await workbench.goTo(1);
  await workbench.applyCodeAction("Fold all BatchNorm");
  await seesDirty(workbench, name, true);
  await workbench.page
    .locator(".monaco-editor .squiggly-info")
    .first()
    .waitFor({ state: "detached" });
});

test("a place that cannot be folded says why", async ({ openWorkspace }) => {
  const fixture = "two-consumers.onnx";
  const { workbench } = await openWorkspace({
    [name]: { copyOf: join(root, "test", "fixtures", "onnx", fixture) },
  });
  await openModel(workbench, name);
  await workbench.runCommand("NormLens: Open as Text");
  await workbench.tab(text).waitFor();
  const problems = await workbench.problems();
  await workbench.screenshot("text 4 reason");
  expect(problems.join("\n")).toMatch(/NormLens/);
});
