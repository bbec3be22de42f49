import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Frame } from "playwright-core";
import { expect } from "vitest";
import { test } from "./harness/test.ts";
import { until } from "./harness/until.ts";
import { webviewFrames } from "./harness/webviews.ts";
import {
  digits,
  enterPath,
  foldAll,
  modelPage,
  openModel,
  seesDirty,
  seesNodes,
} from "./support.ts";

const name = "digits-cnn.onnx";

test("a model opens with its header, findings and nodes", async ({ openWorkspace }) => {
  const { workbench } = await openWorkspace({ [name]: digits });
  const page = await openModel(workbench, name);
  const header = page.locator("normlens-model-header header");
  expect(await header.textContent()).toMatch(/opset 17.*24,282 parameters/);
  await page.getByText("3 BatchNormalization nodes can be folded").waitFor();
  await page.getByText("bn2", { exact: true }).first().click();
  await page.locator("normlens-node-detail").getByText("running variance").first().waitFor();
  await workbench.screenshot("editing 1 model page");
  expect(workbench.errors).toEqual([]);
});

test("folding is previewed, proven, undone, redone and saved", async ({ openWorkspace }) => {
  const { folder, workbench } = await openWorkspace({ [name]: digits });
  const original = await readFile(join(folder, name));
  const page = await openModel(workbench, name);

  await page.getByRole("button", { name: "Preview" }).first().click();
  await page.getByText("Same function").first().waitFor();
  await workbench.screenshot("editing 2 preview");
  await seesDirty(workbench, name, false);

  await page.locator("normlens-change-view vscode-button", { hasText: "Apply" }).click();
  await seesNodes(page, 10);
  await seesDirty(workbench, name, true);
  await workbench.screenshot("editing 3 folded");

  await page.locator("normlens-change-view vscode-button", { hasText: "Undo" }).click();
  await seesNodes(page, 13);
  await page.locator("normlens-status-line .text", { hasText: /^13 nodes/ }).waitFor();
  expect(await page.locator("normlens-change-view").count()).toBe(0);
  await seesDirty(workbench, name, false);
  await workbench.runCommand("Redo");
  await seesNodes(page, 10);

  await workbench.runCommand("File: Save");
  await seesDirty(workbench, name, false);
  expect((await readFile(join(folder, name))).equals(original)).toBe(false);

  await workbench.runCommand("NormLens: Undo Model Edit");
  await seesNodes(page, 13);
  await seesDirty(workbench, name, true);
  await workbench.runCommand("File: Save");
  await seesDirty(workbench, name, false);
  expect((await readFile(join(folder, name))).equals(original)).toBe(true);
});

test("Save As writes the folded model and leaves the original", async ({ openWorkspace }) => {
  const { folder, workbench } = await openWorkspace({ [name]: digits });
  const original = await readFile(join(folder, name));
  await foldAll(await openModel(workbench, name));
  await workbench.runCommand("File: Save As...");
  await enterPath(workbench, join(folder, "folded.onnx"));
  await workbench.tab("folded.onnx").waitFor();
  const page = await modelPage(workbench);
  await seesNodes(page, 10);
  expect((await readFile(join(folder, name))).equals(original)).toBe(true);
  await workbench.screenshot("editing 4 saved as");
});

test("Revert gives the file back", async ({ openWorkspace }) => {
  const { workbench } = await openWorkspace({ [name]: digits });
  const page = await openModel(workbench, name);
  await foldAll(page);
  await seesNodes(page, 10);
  await workbench.runCommand("File: Revert File");
  await seesNodes(page, 13);
  await seesDirty(workbench, name, false);
});

test("chosen nodes are folded from the palette, and compared with another model", async ({
  openWorkspace,
}) => {
  const { workbench } = await openWorkspace({ [name]: digits, "other.onnx": digits });
  const page = await openModel(workbench, name);
  await workbench.runCommand("NormLens: Fold Selected BatchNorm…");
  await workbench.page.locator(".quick-input-list").getByText("Fold bn2 into conv2").waitFor();
  await workbench.screenshot("editing 5 choose nodes");
  await workbench.page.locator(".quick-input-list").getByText("Fold bn2 into conv2").click();
  await workbench.page.keyboard.press("Enter");
  await seesNodes(page, 11);

  await workbench.runCommand("NormLens: Verify Against…");
  await workbench.pick("other.onnx");
  const message = await workbench.notification("Same function");
  await message.getByRole("button", { name: "Show Details" }).click();
  await workbench.page.locator(".tab.active", { hasText: "Preview" }).waitFor();
  const report = await workbench.webviewFrame(".markdown-body h2");
  await report.getByText("Rounding explains").waitFor();
  await workbench.screenshot("editing 6 certificate");
});

test("both views of a split editor follow an edit", async ({ openWorkspace }) => {
  const { workbench } = await openWorkspace({ [name]: digits });
  await openModel(workbench, name);
  await workbench.runCommand("View: Split Editor Right");
  await workbench.page.locator(".editor-group-container").nth(1).waitFor();
  const views = await until("second page", undefined, async () => {
    const pages = await webviewFrames(workbench.page);
    const found: Frame[] = [];
    for (const page of pages) {
      if ((await page.locator("normlens-findings").count()) > 0) found.push(page);
    }
    return found.length === 2 ? found : undefined;
  });
  const [first] = views;
  if (first !== undefined) await foldAll(first);
  for (const view of views) await seesNodes(view, 10);
  await workbench.screenshot("editing 7 split");
});
