import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import {
  load,
  randomInput,
  relativeDifference,
  runLayers,
} from "../unit/formats/tfjs/tfjs-models.ts";
import { test } from "./harness/test.ts";
import { until } from "./harness/until.ts";
import { layersNetwork } from "./layers-models.ts";
import { goToLayer, openAsText, prettyFiles } from "./model-json-text.ts";
import { foldAll, modelPage, openWithNormLens, seesDirty, seesNodes } from "./support.ts";

const image = () => [randomInput([2, 8, 8, 3])];

/** A BatchNorm is gone from the file, and TensorFlow.js computes with it what it did before. */
async function expectFolded(file: string, layer: string, expected: Float32Array[]) {
  const folded = await load(file);
  expect(folded.layers.map(({ name }) => name)).not.toContain(layer);
  // Float32 rounds each folded weight once; a lost bias or channel errs by about 1.
  expect(relativeDifference(runLayers(folded, image()), expected)).toBeLessThan(1e-5);
}

test("an unsaved fold of model.json in the editor survives a reload of the window", async ({
  openWorkspace,
}) => {
  const model = layersNetwork();
  const files = await prettyFiles(model, "edited");
  const { folder, workbench } = await openWorkspace(files, { fresh: true });
  const file = join(folder, "edited", "model.json");
  const original = await readFile(file, "utf8");
  await foldAll(await openWithNormLens(workbench, "edited/model.json"));
  await seesDirty(workbench, "model.json", true);

  await workbench.reload();
  await seesNodes(await modelPage(workbench), 6);
  await seesDirty(workbench, "model.json", true);
  expect(await readFile(file, "utf8")).toBe(original);
  await workbench.screenshot("layers hot exit 1 editor");
  await workbench.runCommand("File: Save");
  await seesDirty(workbench, "model.json", false);
  await expectFolded(file, "bn_1", runLayers(model, image()));
  await expectFolded(file, "bn_2", runLayers(model, image()));
});

test("an unsaved fold of model.json as text survives a reload of the window", async ({
  openWorkspace,
}) => {
  const model = layersNetwork();
  const files = await prettyFiles(model, "written");
  const { folder, workbench } = await openWorkspace(files, { fresh: true });
  const file = join(folder, "written", "model.json");
  const original = await readFile(file, "utf8");
  await openAsText(workbench, "written/model.json");
  await goToLayer(workbench, original, "bn_1");
  await workbench.applyCodeAction("Fold bn_1 into conv_1");
  await seesDirty(workbench, "model.json", true);

  await workbench.reload();
  await seesDirty(workbench, "model.json", true);
  expect(await readFile(file, "utf8")).toBe(original);
  // The findings are those of the text that came back, not of the file.
  const problems = await until("findings of the text", undefined, async () => {
    const found = (await workbench.problems()).join("\n");
    return found.includes("bn_2") ? found : undefined;
  });
  expect(problems).toMatch(/bn_2 can be folded into dense_1/);
  expect(problems).not.toMatch(/bn_1/);
  await workbench.screenshot("layers hot exit 2 text");
  await workbench.focusText();
  await workbench.save();
  await expectFolded(file, "bn_1", runLayers(model, image()));
});
