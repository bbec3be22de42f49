import { readdir, readFile } from "node:fs/promises";
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
import { goToLayer, openAsText, openText, prettyFiles } from "./model-json-text.ts";
import { seesDirty } from "./support.ts";

const name = "model.json";
const image = () => [randomInput([2, 8, 8, 3])];

function binaries(folder: string): Promise<string[]> {
  return readdir(folder).then((names) => names.filter((each) => each.endsWith(".bin")).sort());
}

test("a light bulb in model.json folds; Undo and Redo take text and weights together, and what is saved loads", async ({
  openWorkspace,
}) => {
  const model = layersNetwork();
  const { folder, workbench } = await openWorkspace(await prettyFiles(model));
  const file = join(folder, name);
  const text = await readFile(file, "utf8");
  const before = await binaries(folder);
  const expected = runLayers(model, image());
  await openAsText(workbench);
  await goToLayer(workbench, text, "bn_1");
  expect(await workbench.lightBulb()).toContainEqual({
    title: "Fold bn_1 into conv_1",
    disabled: false,
  });
  await workbench.screenshot("model json 1 light bulb");
  await workbench.applyCodeAction("Fold bn_1 into conv_1");
  await seesDirty(workbench, name, true);
  expect(await readFile(file, "utf8")).toBe(text);
  const after = await until("new weights", undefined, async () => {
    const names = await binaries(folder);
    return names.length > before.length ? names : undefined;
  });
  await workbench.screenshot("model json 2 folded");

  await workbench.page.keyboard.press("Control+z");
  await seesDirty(workbench, name, false);
  await until("weights of before alone", undefined, async () =>
    (await binaries(folder)).length === before.length ? true : undefined,
  );
  expect(await workbench.page.locator(".monaco-dialog-box").count()).toBe(0);
  await workbench.page.keyboard.press("Control+y");
  await seesDirty(workbench, name, true);
  await until("new weights again", undefined, async () =>
    `${await binaries(folder)}` === `${after}` ? true : undefined,
  );
  await workbench.save();
  const folded = await load(file);
  expect(folded.layers.map((layer) => layer.name)).not.toContain("bn_1");
  expect(folded.layers.map((layer) => layer.name)).toContain("bn_2");
  // Float32 rounds each folded weight once; a lost bias or channel errs by about 1.
  expect(relativeDifference(runLayers(folded, image()), expected)).toBeLessThan(1e-5);
  expect(workbench.errors).toEqual([]);
});

test("model.json has an outline of its layers, hovers with statistics, and reasons to open it with NormLens", async ({
  openWorkspace,
}) => {
  const { folder, workbench } = await openWorkspace(await prettyFiles());
  const text = await readFile(join(folder, name), "utf8");
  await openAsText(workbench);
  await workbench.page.keyboard.press("Control+Shift+O");
  await workbench.page.keyboard.type("bn_2");
  // A layer's entry names the model it is in; those of JSON itself name no layer.
  const rows = workbench.page.locator(".quick-input-list .monaco-list-row");
  await rows.filter({ hasText: /bn_2\s*small/ }).waitFor();
  await workbench.screenshot("model json 3 outline");
  await workbench.page.keyboard.press("Escape");
  await goToLayer(workbench, text, "bn_1");
  await workbench.runCommand("Show or Focus Hover");
  const hover = workbench.page.locator(".monaco-hover:visible");
  await hover.getByText("24 parameters").waitFor();
  await hover.getByText("moving_variance is at most").waitFor();
  await workbench.screenshot("model json 4 hover");
  await workbench.page.keyboard.press("Escape");

  const problems = await workbench.problems();
  expect(problems.join("\n")).toMatch(/bn_2 can be folded into dense_1/);
  await workbench.openFile(name);
  await workbench.goTo(1);
  // A lens that is drawn anew while it is clicked does nothing.
  const lens = workbench.page.locator(".codelens-decoration a", { hasText: "NormLens" });
  const editor = workbench.page.locator(".editor-instance .webview, iframe.webview");
  await until("the model's page", undefined, async () => {
    if (await lens.isVisible()) await lens.click();
    await workbench.page.waitForTimeout(1000);
    return (await editor.count()) > 0 ? true : undefined;
  });
  await workbench.webviewFrame("normlens-model-page");
});

test("other JSON of that name is left alone", async ({ openWorkspace }) => {
  const shop = JSON.stringify({ name: "shop", layers: [{ name: "bn" }], modelTopology: null });
  const { workbench } = await openWorkspace({ [name]: shop });
  await openText(workbench);
  await workbench.page.waitForTimeout(2000);
  expect(await workbench.page.locator(".codelens-decoration").count()).toBe(0);
  expect(await workbench.notifications()).toEqual([]);
  expect((await workbench.problems()).filter((label) => label.includes("NormLens"))).toEqual([]);
  expect(workbench.errors).toEqual([]);
});
