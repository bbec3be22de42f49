import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Frame } from "playwright-core";
import { expect } from "vitest";
import { encodeModel } from "../../src/formats/onnx/write.ts";
import type { TrainingEvent } from "../../src/protocol/training.ts";
import { longSteps } from "../support/long-steps.ts";
import { test } from "./harness/test.ts";
import { until } from "./harness/until.ts";
import type { Workbench } from "./harness/workbench.ts";
import {
  digits,
  engineProcesses,
  enterPath,
  modelPage,
  openModel,
  seesDirty,
  seesNodes,
  setField,
} from "./support.ts";

/** What a model was trained with last is remembered by its path: tests that share a window have names of their own. */
const name = "digits-cnn.onnx";
const trainingLimit = 100_000;

async function openTraining(workbench: Workbench, model = name): Promise<Frame> {
  const page = await openModel(workbench, model);
  await page.locator("normlens-model-header vscode-button", { hasText: "Train" }).click();
  return workbench.webviewFrame("normlens-run-header");
}

/** What the run's record says of its course: the numbers of its epochs, and how it ended. */
async function recordOf(run: string) {
  const lines = (await readFile(join(run, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
  const events = lines.map((line) => JSON.parse(line) as TrainingEvent);
  const epochs = events.flatMap((event) => (event.event === "epoch" ? [event.epoch] : []));
  return { epochs, stops: events.filter((event) => event.event === "stop") };
}

function button(page: Frame, label: string) {
  return page.locator("normlens-training-page vscode-button", { hasText: label }).first();
}

async function start(page: Frame): Promise<void> {
  await button(page, "Start").click();
  await page.getByText(/epoch [1-9]\d*\//).waitFor({ timeout: trainingLimit });
}

async function runFolder(folder: string): Promise<string> {
  const [run] = await readdir(join(folder, "normlens-runs"));
  return join(folder, "normlens-runs", run ?? "");
}

test("training stops early; its model is saved, reported and taken into the editor", async ({
  openWorkspace,
}) => {
  const { folder, workbench } = await openWorkspace({ [name]: digits });
  const page = await openTraining(workbench);
  await page.locator("normlens-setup-form summary", { hasText: "Early stopping" }).click();
  await setField(page, "Patience", "1");
  await setField(page, "Learning rate", "0.02");
  await page.locator("vscode-checkbox", { hasText: "Train again" }).click();
  await workbench.screenshot("training 1 setup");
  // It may be there for less than a second, so it is waited for from the beginning.
  const again = page.getByText(/Training again on \d/).waitFor({ timeout: trainingLimit });
  await start(page);
  await workbench.screenshot("training 2 running");
  await again;
  await page
    .getByText(/Stopped early at epoch \d+: .* Trained again from the start/)
    .waitFor({ timeout: trainingLimit });
  await workbench.screenshot("training 3 trained again");
  const run = await runFolder(folder);
  expect(existsSync(join(run, "best.onnx"))).toBe(true);
  expect(existsSync(join(run, "retrained.onnx"))).toBe(true);

  await button(page, "Export report").click();
  await enterPath(workbench, join(folder, "report.html"));
  await page.getByText("Saved report.html").waitFor();
  const report = await readFile(join(folder, "report.html"), "utf8");
  expect(report).toContain("<title>Training of digits-cnn.onnx</title>");
  expect(report).toContain('"event":"done"');

  await button(page, "Fold and save").click();
  await enterPath(workbench, join(folder, "best-folded.onnx"));
  await page.getByText(/Saved best-folded.onnx.*Same function/).waitFor();

  await button(page, "Apply weights").click();
  await seesDirty(workbench, name, true);
  await workbench.tab(name).click();
  await modelPage(workbench);
  await workbench.screenshot("training 4 weights applied");
  await workbench.runCommand("NormLens: Undo Model Edit");
  await seesDirty(workbench, name, false);
  expect(workbench.errors).toEqual([]);
}, 240_000);

test("a run is paused, goes on, is stopped with its best model, and resumed", async ({
  openWorkspace,
}) => {
  const model = "paused-digits.onnx";
  const { folder, workbench } = await openWorkspace({ [model]: digits });
  const page = await openTraining(workbench, model);
  const before = engineProcesses();
  await start(page);
  await button(page, "Pause").click();
  await page.getByText(/^\s*Paused after/).waitFor();
  await button(page, "Resume").click();
  await page.getByText(/^\s*Epoch \d+/).waitFor();
  const asked = Date.now();
  await button(page, "Stop").click();
  await page.getByText(/Cancelled after \d+ epoch/).waitFor();
  console.log(`stopped within ${Date.now() - asked} ms`);
  await workbench.screenshot("training 5 cancelled");
  const run = await runFolder(folder);
  expect(existsSync(join(run, "best.onnx"))).toBe(true);
  const first = await recordOf(run);

  await page.locator("normlens-outcome-line vscode-button", { hasText: "Resume" }).click();
  const next = first.epochs.length + 1;
  await page
    .getByText(new RegExp(`epoch (${next}|[1-9]\\d+)/`))
    .waitFor({ timeout: trainingLimit });
  await workbench.screenshot("training 5 resumed");
  await button(page, "Stop").click();
  await page.getByText(/Cancelled after \d+ epoch/).waitFor();
  const { epochs, stops } = await recordOf(run);
  expect(epochs).toEqual(epochs.map((_, index) => index + 1));
  expect(epochs.length).toBeGreaterThanOrEqual(next);
  expect(stops).toHaveLength(1);
  await until("end of the training process", undefined, async () =>
    engineProcesses().every((process) => before.includes(process)) ? true : undefined,
  );
});

test("Stop is answered in the middle of a step that takes long", async ({ openWorkspace }) => {
  const model = "long-steps.onnx";
  const { folder, workbench } = await openWorkspace({ [model]: encodeModel(longSteps()) });
  const page = await openTraining(workbench, model);
  const before = engineProcesses();
  await setField(page, "Batch size", "1024");
  await button(page, "Start").click();
  await page.getByText(/Epoch 2, step/).waitFor({ timeout: trainingLimit });
  // Measured in the page: the way of a click through the test's tools takes as long as the answer.
  const milliseconds = await page.evaluate(
    (wanted) =>
      new Promise<number>((resolve) => {
        const within = (root: ParentNode): Element[] =>
          [...root.querySelectorAll("*")].flatMap((element) => [
            element,
            ...(element.shadowRoot === null ? [] : within(element.shadowRoot)),
          ]);
        const stop = within(document).find(
          (element) =>
            element.localName === "vscode-button" && element.textContent?.trim() === "Stop",
        );
        const line = within(document).find(
          (element) => element.localName === "normlens-outcome-line",
        );
        const clicked = performance.now();
        const look = () => {
          if (line?.shadowRoot?.textContent?.includes(wanted)) resolve(performance.now() - clicked);
          else requestAnimationFrame(look);
        };
        (stop as HTMLElement).click();
        look();
      }),
    "Cancelled after",
  );
  console.log(`answered after ${Math.round(milliseconds)} ms`);
  await page.getByText(/Cancelled after \d+ epochs?\. Best weights/).waitFor();
  await workbench.screenshot("training 5 cancelled in a long step");
  const run = await runFolder(folder);
  const { epochs, stops } = await recordOf(run);
  expect(stops).toMatchObject([{ reason: "cancelled", epochs: epochs.length }]);
  expect(existsSync(join(run, "best.onnx"))).toBe(true);
  expect(existsSync(join(run, "running.pid"))).toBe(false);
  await button(page, "Apply weights").click();
  await seesDirty(workbench, model, true);
  await until("end of the training process", undefined, async () =>
    engineProcesses().every((process) => before.includes(process)) ? true : undefined,
  );
});

test("after a reload the panel shows the run that the window cut off", async ({
  openWorkspace,
}) => {
  const { folder, workbench } = await openWorkspace({ [name]: digits }, { fresh: true });
  const before = engineProcesses();
  await start(await openTraining(workbench));
  await workbench.reload();
  const page = await workbench.webviewFrame("normlens-run-header");
  await page.getByText("Training ended with the window it ran in").waitFor();
  await workbench.screenshot("training 6 after a reload");
  expect(existsSync(join(await runFolder(folder), "best.onnx"))).toBe(true);
  await until("end of the training process", undefined, async () =>
    engineProcesses().filter((process) => !before.includes(process)).length <= 1 ? true : undefined,
  );
});

test("a run that began with a pass gives the editor its whole model, as one edit", async ({
  openWorkspace,
}) => {
  const model = "passed-digits.onnx";
  const { workbench } = await openWorkspace({ [model]: digits });
  const page = await openTraining(workbench, model);
  await page.locator("normlens-setup-form summary", { hasText: "Before training" }).click();
  await page.getByRole("button", { name: "Add a pass before training" }).click();
  await page.getByRole("menuitem", { name: "Insert Dropout" }).click();
  await setField(page, "rate", "0.2");
  await start(page);
  await button(page, "Stop").click();
  await page.getByText(/Cancelled after \d+ epoch/).waitFor();
  await workbench.screenshot("training 7 passes before");
  await button(page, "Apply weights").click();
  await page.getByText(`${model} is the trained model now`).waitFor();
  await seesDirty(workbench, model, true);
  await workbench.tab(model).click();
  const modelEditor = await modelPage(workbench);
  await seesNodes(modelEditor, 16);
  await workbench.screenshot("training 8 model adopted");
  await workbench.runCommand("NormLens: Undo Model Edit");
  await seesNodes(modelEditor, 13);
  await seesDirty(workbench, model, false);
});
