import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { readDigits } from "../../src/data/digits.ts";
import { load, runLayers, tf } from "../unit/formats/tfjs/tfjs-models.ts";
import { test } from "./harness/test.ts";
import { digitsNetwork, layersFiles } from "./layers-models.ts";
import { modelPage, openWithNormLens, seesDirty, seesNodes, setField } from "./support.ts";

/** What a model was trained with last is remembered by its path, and tests share a window. */
const name = "trained/model.json";
const classes = 10;

/** TensorFlow.js in JavaScript takes seconds for all of the digits. */
const count = 400;

/** The share of digits that TensorFlow.js classifies right with the files as they are. */
async function accuracy(file: string): Promise<number> {
  const { features, targets } = await readDigits();
  if (targets?.kind !== "classes") throw new Error("The digits have classes.");
  const [scores] = runLayers(await load(file), [
    tf.tensor(features.subarray(0, count * 64), [count, 8, 8, 1]),
  ]);
  const right = targets.labels.subarray(0, count).filter((label, row) => {
    const ofRow = scores?.subarray(row * classes, (row + 1) * classes) ?? new Float32Array();
    return ofRow.indexOf(Math.max(...ofRow)) === label;
  });
  return right.length / count;
}

test("model.json is trained, takes the weights, is saved in its own files, and opens again", async ({
  openWorkspace,
}) => {
  const { folder, workbench } = await openWorkspace(await layersFiles(digitsNetwork(), "trained"));
  const file = join(folder, name);
  const document = async () => JSON.parse(await readFile(file, "utf8"));
  const before = await document();
  expect(await accuracy(file)).toBeLessThan(0.4);

  const modelEditor = await openWithNormLens(workbench, name);
  await modelEditor.locator("normlens-model-header vscode-button", { hasText: "Train" }).click();
  const page = await workbench.webviewFrame("normlens-run-header");
  await setField(page, "Epochs at most", "3");
  await setField(page, "Learning rate", "0.005");
  await page.locator("normlens-run-header vscode-button", { hasText: "Start" }).click();
  await page.getByText(/test accuracy/).waitFor({ timeout: 60_000 });
  await workbench.screenshot("layers training 1 trained");
  await page.locator("normlens-outcome-line vscode-button", { hasText: "Apply weights" }).click();
  await page.getByText(/has the trained weights now; save it to keep them/).waitFor();
  await seesDirty(workbench, "model.json", true);
  expect(await accuracy(file)).toBeLessThan(0.4);

  await workbench.tab("model.json").click();
  await modelPage(workbench);
  await workbench.runCommand("File: Save");
  await seesDirty(workbench, "model.json", false);
  // The network gets about 0.95 of them right after three epochs, and 0.1 before.
  expect(await accuracy(file)).toBeGreaterThan(0.85);
  const after = await document();
  expect(after.modelTopology).toEqual(before.modelTopology);
  const weights = (await readdir(join(folder, "trained"))).filter((each) => each.endsWith(".bin"));
  expect(weights).toEqual(after.weightsManifest[0].paths);

  await workbench.runCommand("View: Close All Editors");
  await seesNodes(await openWithNormLens(workbench, name), 8);
  expect(workbench.errors).toEqual([]);
});
