import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Frame } from "playwright-core";
import { expect } from "vitest";
import { test } from "./harness/test.ts";
import { until } from "./harness/until.ts";
import type { Workbench } from "./harness/workbench.ts";
import { digits, enterPath, openModel } from "./support.ts";

/** The data page, once it shows what the data set holds. */
async function dataPage(workbench: Workbench): Promise<Frame> {
  const page = await workbench.webviewFrame("normlens-data-page");
  await page.locator(".summary").waitFor();
  return page;
}

/** What a screen reader calls the element that has the keys; "" where another frame has them. */
function focusedName(): string {
  if (!document.hasFocus()) return "";
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element?.getAttribute("aria-label") ?? element?.textContent?.trim() ?? "";
}

/** Presses Tab until a page's element of this name has the keys. */
async function tabTo(workbench: Workbench, page: Frame, name: string): Promise<void> {
  await until(`focus on "${name}"`, undefined, async () => {
    if ((await page.evaluate(focusedName)) === name) return true;
    await workbench.page.keyboard.press("Tab");
    return undefined;
  });
}

/** Runs a command as who has no mouse does. */
async function typeCommand(workbench: Workbench, title: string): Promise<void> {
  const { keyboard } = workbench.page;
  const focused = workbench.page.locator(".quick-input-list .monaco-list-row.focused");
  await until(`"${title}"`, undefined, async () => {
    await keyboard.press("F1");
    await keyboard.type(title);
    const row = focused.filter({ hasText: title });
    const found = await row.waitFor({ timeout: 2000 }).then(
      () => true,
      () => false,
    );
    if (!found) await keyboard.press("Escape");
    return found || undefined;
  });
  await keyboard.press("Enter");
}

test("the data preview is opened, and its chart read as a table, without a mouse", async ({
  openWorkspace,
}) => {
  const { workbench } = await openWorkspace({});
  const { keyboard } = workbench.page;
  await typeCommand(workbench, "NormLens: Preview Data…");
  await workbench.page.getByText("1,797 handwritten digits, included").waitFor();
  await keyboard.type("digits");
  await keyboard.press("Enter");
  const page = await dataPage(workbench);
  await page.getByText("1,797 samples of 1×8×8 · 10 classes").waitFor();
  await workbench.screenshot("data 1 digits");
  await tabTo(workbench, page, "Classes: more actions");
  await keyboard.press("Enter");
  await keyboard.press("Enter");
  await page.locator("normlens-class-chart normlens-data-table").waitFor();
  await workbench.screenshot("data 2 table by keyboard");
  expect(workbench.errors).toEqual([]);
});

test("the training page opens the preview of its data without a mouse", async ({
  openWorkspace,
}) => {
  const { workbench } = await openWorkspace({ "previewed-digits.onnx": digits });
  const { keyboard } = workbench.page;
  await tabTo(workbench, await openModel(workbench, "previewed-digits.onnx"), "Train…");
  await keyboard.press("Enter");
  const training = await workbench.webviewFrame("normlens-run-header");
  await tabTo(workbench, training, "Preview data");
  await workbench.screenshot("data 3 focus on preview");
  await keyboard.press("Enter");
  const page = await dataPage(workbench);
  await page.getByText("Nothing to warn of.").waitFor();
  await workbench.screenshot("data 4 from the training page");
  expect(workbench.errors).toEqual([]);
});

test("data that cannot be read says where, and is read again once it is mended", async ({
  openWorkspace,
}) => {
  const rows = (value: string) => `petal,sepal,label\n0.5,1,rose\n${value},2,lily\n0.7,3,rose\n`;
  const { folder, workbench } = await openWorkspace({ "flowers.csv": rows("") });
  await typeCommand(workbench, "NormLens: Preview Data…");
  await workbench.page.getByText("Browse…").waitFor();
  await workbench.page.keyboard.type("Browse");
  await workbench.page.keyboard.press("Enter");
  await enterPath(workbench, join(folder, "flowers.csv"));
  const page = await workbench.webviewFrame("normlens-data-page");
  await page
    .getByRole("alert")
    .getByText(/flowers\.csv.*row 2.*petal/)
    .waitFor();
  await workbench.screenshot("data 5 failed");
  await writeFile(join(folder, "flowers.csv"), rows("1.5"));
  await tabTo(workbench, page, "Read again");
  await workbench.page.keyboard.press("Enter");
  await page.getByText("3 samples of 2 · 2 classes").waitFor();
  await page
    .getByText(/fewer than 10/)
    .first()
    .waitFor();
  expect(workbench.errors).toEqual([]);
});
