import type { Frame } from "playwright-core";
import { expect } from "vitest";
import { ANALYSES } from "../../src/analyses/registry.ts";
import { test } from "./harness/test.ts";
import { until } from "./harness/until.ts";
import type { Workbench } from "./harness/workbench.ts";
import type { WorkspaceFiles } from "./harness/workspace.ts";
import { digits, modelPage, openModel, seesDirty } from "./support.ts";
import { modelToAnalyze, type PassSample, passSamples } from "./technique-models.ts";

const name = "digits-cnn.onnx";
/** All passes in one window: opening one for each would take longer than the passes. */
const limit = 280_000;
/** Monte-Carlo dropout runs the data fifty times. */
const analysisLimit = 90_000;

test("every pass runs by its command, says what became of the function, and is undone", {
  timeout: limit,
}, async ({ openWorkspace }) => {
  const all = byModel(await passSamples());
  const { workbench } = await openWorkspace(filesOf(all));
  for (const [model, group] of all) {
    const page = await openModel(workbench, model);
    for (const { pass } of group) {
      await workbench.runCommand(`NormLens: ${pass.title}`);
      await answerSteps(workbench, page);
      await seesResult(page, pass.title);
      if (pass.id === "insert-batch-norm") await workbench.screenshot("techniques 1 by command");
      await page.locator("normlens-change-view vscode-button", { hasText: "Undo" }).click();
      await page.locator("normlens-change-view").waitFor({ state: "detached" });
    }
    await seesDirty(workbench, model, false);
    await closeEditors(workbench);
  }
  expect(workbench.errors).toEqual([]);
});

test("every pass is under the light bulb of its node, and is undone from the text", {
  timeout: limit,
}, async ({ openWorkspace }) => {
  const all = byModel(await passSamples());
  const { workbench } = await openWorkspace(filesOf(all));
  for (const [model, group] of all) {
    await openModel(workbench, model);
    await workbench.runCommand("View: Split Editor Right");
    await workbench.runCommand("NormLens: Open as Text");
    await workbench.tab(`${model}.onnxtxt`).waitFor();
    const page = await modelPage(workbench);
    for (const { pass, title, line } of group) {
      await workbench.goTo(line, 5);
      await workbench.applyCodeAction(title);
      await answerSteps(workbench, page);
      await seesResult(page, pass.title);
      if (pass.id === "insert-batch-norm") await workbench.screenshot("techniques 2 light bulb");
      await undoFromText(workbench, page);
    }
    await closeEditors(workbench);
  }
});

test("a technique is chosen, set up, previewed and applied without the mouse", async ({
  openWorkspace,
}) => {
  const { workbench } = await openWorkspace({ [name]: digits });
  const page = await openModel(workbench, name);
  const { keyboard } = workbench.page;
  // A person waits for the page; keys pressed while it takes the focus go nowhere.
  await until("the focus in the page", undefined, async () =>
    (await page.evaluate(() => document.hasFocus())) ? true : undefined,
  );
  await keyboard.press("F1");
  await keyboard.type("NormLens: Apply Technique");
  await seesFocused(workbench, "NormLens: Apply Technique…");
  await keyboard.press("Enter");
  await seesStep(workbench, "Apply Technique");
  await workbench.screenshot("techniques 3 choose");
  await typeInBox(workbench, "Insert Dropout");
  await seesFocused(workbench, "Insert Dropout");
  await keyboard.press("Enter");

  await seesStep(workbench, "Insert Dropout: rate (1/3)");
  await keyboard.type("1.5");
  await workbench.page.getByText("a number from 0 to 1 is needed").waitFor();
  await workbench.screenshot("techniques 4 wrong option");
  await keyboard.press("Enter");
  await keyboard.press("Control+a");
  await keyboard.type("0.25");
  await keyboard.press("Enter");
  await seesStep(workbench, "Insert Dropout: layers (2/3)");
  await keyboard.press("Enter");
  await seesStep(workbench, "Insert Dropout (3/3)");
  await workbench.screenshot("techniques 5 places");
  // All places are chosen; Space takes the first one out.
  await keyboard.press("ArrowDown");
  await keyboard.press("Space");
  await keyboard.press("Enter");
  await seesResult(page, "Insert Dropout");
  await page.getByText("Done: Insert Dropout at 2 places").waitFor();
  await seesDirty(workbench, name, true);
  await workbench.screenshot("techniques 6 applied");
});

test("leaving the dialog changes nothing, and Back goes back", async ({ openWorkspace }) => {
  const { workbench } = await openWorkspace({ [name]: digits });
  await openModel(workbench, name);
  await workbench.runCommand("NormLens: Insert BatchNorm");
  await seesStep(workbench, "Insert BatchNorm: mode (1/4)");
  await workbench.pick("calibrated");
  // Only what is measured needs data.
  await seesStep(workbench, "Insert BatchNorm: place (2/5)");
  await workbench.page.locator(".quick-input-titlebar .codicon-quick-input-back").click();
  await seesStep(workbench, "Insert BatchNorm: mode (1/5)");
  await workbench.page.keyboard.press("Escape");
  await workbench.page.locator(".quick-input-widget:visible").waitFor({ state: "detached" });
  await seesDirty(workbench, name, false);
});

test("every analysis opens its report", { timeout: limit }, async ({ openWorkspace }) => {
  const { workbench } = await openWorkspace({ [name]: await modelToAnalyze() });
  await openModel(workbench, name);
  for (const { title } of ANALYSES) {
    // The report hides the page, which VS Code then throws away.
    const page = await modelPage(workbench);
    await page.getByRole("button", { name: "Techniques" }).click();
    await page.getByRole("menuitem", { name: title }).click();
    const report = await until(`the report of ${title}`, analysisLimit, async () => {
      await acceptStep(workbench);
      const tab = workbench.page.locator(".tab.active", { hasText: `${title} of ${name}` });
      return (await tab.count()) > 0 ? workbench.webviewFrame(".markdown-body h1") : undefined;
    });
    await report.getByText(`${title} of ${name}`).first().waitFor();
    await workbench.screenshot(`techniques report ${title}`);
    await workbench.runCommand("View: Close Editor");
  }
});

function byModel(all: readonly PassSample[]): ReadonlyMap<string, readonly PassSample[]> {
  const models = new Set(all.map((sample) => sample.name));
  return new Map([...models].map((model) => [model, all.filter((each) => each.name === model)]));
}

function filesOf(all: ReadonlyMap<string, readonly PassSample[]>): WorkspaceFiles {
  return Object.fromEntries(
    [...all].map(([model, [first]]) => [model, first?.content ?? new Uint8Array()]),
  );
}

/** Takes what each step proposes, as often as Enter is needed. */
async function answerSteps(workbench: Workbench, page: Frame): Promise<void> {
  await until("the end of the dialog", undefined, async () => {
    if ((await page.locator("normlens-change-view").count()) > 0) return true;
    await acceptStep(workbench);
    return undefined;
  });
}

async function acceptStep(workbench: Workbench): Promise<void> {
  const input = workbench.page.locator(".quick-input-widget:visible .quick-input-box input");
  if ((await input.count()) > 0) await input.press("Enter", { timeout: 1000 }).catch(() => {});
}

/** Again where the page has taken the keys meanwhile: behind the one edit there is none to undo. */
async function undoFromText(workbench: Workbench, page: Frame): Promise<void> {
  await until("end of the change", undefined, async () => {
    await workbench.focusText();
    await workbench.page.keyboard.press("Control+z");
    const change = page.locator("normlens-change-view");
    return change.waitFor({ state: "detached", timeout: 5000 }).then(
      () => true,
      () => undefined,
    );
  });
}

/** The change is shown with a certificate that passed, or with the sentence about the function. */
async function seesResult(page: Frame, title: string): Promise<void> {
  const change = page.locator("normlens-change-view");
  await change.getByText(`Done: ${title} at`).waitFor();
  await change
    .locator(".statement")
    .or(change.locator("normlens-certificate .sentence:not(.failed)"))
    .first()
    .waitFor();
}

/** Waits until the list has been filtered and Enter would take this entry. */
async function seesFocused(workbench: Workbench, label: string): Promise<void> {
  const row = workbench.page.locator(".quick-input-list .monaco-list-row.focused .label-name");
  await row.getByText(label, { exact: true }).waitFor();
}

async function seesStep(workbench: Workbench, title: string): Promise<void> {
  const shown = workbench.page.locator(".quick-input-widget:visible .quick-input-title");
  await shown.getByText(title, { exact: true }).waitFor();
  await workbench.page.locator(".quick-input-box input:focus").waitFor();
}

/** Types; what the page took as it got the focus meanwhile is typed again. */
async function typeInBox({ page }: Workbench, text: string): Promise<void> {
  const box = page.locator(".quick-input-widget:visible .quick-input-box input");
  await until("the text in the box", undefined, async () => {
    await box.focus();
    await page.keyboard.press("Control+a");
    await page.keyboard.type(text);
    return (await box.inputValue()) === text ? true : undefined;
  });
}

async function closeEditors(workbench: Workbench): Promise<void> {
  await workbench.runCommand("View: Close All Editors");
  await workbench.page.locator(".tab").first().waitFor({ state: "detached" });
}
