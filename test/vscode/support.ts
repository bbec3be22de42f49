import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Frame } from "playwright-core";
import { root } from "./harness/paths.ts";
import { until } from "./harness/until.ts";
import type { Workbench } from "./harness/workbench.ts";

export const samples = join(root, "media", "samples");
export const digits = { copyOf: join(samples, "digits-cnn.onnx") };

/** Opens a model and waits until its page shows the nodes. */
export async function openModel(workbench: Workbench, name: string): Promise<Frame> {
  await workbench.openFile(name);
  return modelPage(workbench);
}

export async function modelPage(workbench: Workbench): Promise<Frame> {
  const page = await workbench.webviewFrame("normlens-model-page");
  await page.locator("normlens-findings").waitFor();
  return page;
}

/**
 * Opens a file that VS Code knows another editor for: by itself it shows model.json as text, or as it
 * was shown last.
 */
export async function openWithNormLens(workbench: Workbench, path: string): Promise<Frame> {
  await workbench.openFile(path);
  await workbench.reopenWith("NormLens");
  return modelPage(workbench);
}

/** Folds everything on the model page and waits for the certificate. */
export async function foldAll(page: Frame): Promise<void> {
  await page.locator("normlens-model-header vscode-button", { hasText: "Fold all" }).click();
  await page.getByText("Same function").first().waitFor();
}

/** Waits until the number of nodes that the page shows is this one. */
export async function seesNodes(page: Frame, count: number): Promise<void> {
  const heading = page.locator("normlens-node-panel .heading");
  await heading.getByText(String(count), { exact: true }).waitFor();
}

/** Answers VS Code's own file dialog, which fills in a suggestion of its own a moment later. */
export async function enterPath(workbench: Workbench, path: string): Promise<void> {
  const input = workbench.page.locator(".quick-input-widget:visible .quick-input-box input");
  await until("a suggested path", undefined, async () =>
    (await input.inputValue()).startsWith("/") ? true : undefined,
  );
  await until("the path in the dialog", undefined, async () => {
    await input.fill(path);
    await workbench.page.waitForTimeout(200);
    return (await input.inputValue()) === path ? true : undefined;
  });
  await workbench.page.keyboard.press("Enter");
}

/** Waits until a tab's mark of unsaved changes is as expected. */
export async function seesDirty(workbench: Workbench, name: string, dirty: boolean) {
  const tab = workbench.tab(name);
  const marked = workbench.page.locator(".dirty");
  if (dirty) await tab.and(marked).waitFor();
  else await tab.and(workbench.page.locator(":not(.dirty)")).waitFor();
}

/** Types into a field of the training page's form, found by its label. */
export async function setField(page: Frame, label: string, value: string): Promise<void> {
  const field = page.locator("normlens-setup-field", {
    has: page.getByText(label, { exact: true }),
  });
  await field.locator("input").fill(value);
  await field.locator("input").press("Tab");
}

/**
 * The engine processes of all windows of this test run, oldest first; never those of another run or
 * of somebody's own VS Code, as tests kill them.
 */
export function engineProcesses(): number[] {
  const lines = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  const processes = lines.flatMap((line) => {
    const [, id, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ id: Number(id), parent: Number(parent), command }];
  });
  const parents = new Map(processes.map(({ id, parent }) => [id, parent]));
  const isOurs = (id: number): boolean => {
    const parent = parents.get(id);
    return parent !== undefined && parent > 1 && (parent === process.ppid || isOurs(parent));
  };
  return processes
    .filter(({ id, command }) => /\/dist\/engine\.js\s*$/.test(command) && isOurs(id))
    .map(({ id }) => id)
    .sort((a, b) => a - b);
}
