import { readdir, readFile, writeFile } from "node:fs/promises";
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
import { layersFiles, layersNetwork } from "./layers-models.ts";
import { enterPath, foldAll, openWithNormLens, seesDirty, seesNodes } from "./support.ts";

const name = "model.json";
const image = () => [randomInput([2, 8, 8, 3])];

test("model.json is opened with NormLens, folded, saved, undone past the save, and read by TensorFlow.js", async ({
  openWorkspace,
}) => {
  const model = layersNetwork();
  const { folder, workbench } = await openWorkspace(await layersFiles(model));
  const file = join(folder, name);
  const original = await readFile(file);
  const expected = runLayers(model, image());
  const page = await openWithNormLens(workbench, name);
  await workbench.screenshot("layers 1 model page");
  await seesNodes(page, 8);
  await foldAll(page);
  await seesNodes(page, 6);
  await seesDirty(workbench, name, true);
  await workbench.runCommand("File: Save");
  await seesDirty(workbench, name, false);

  const folded = await load(file);
  expect(folded.layers.map((layer) => layer.name)).not.toContain("bn_1");
  // Float32 rounds each folded weight once; a lost bias or channel errs by about 1.
  expect(relativeDifference(runLayers(folded, image()), expected)).toBeLessThan(1e-5);
  expect((await readdir(folder)).filter((each) => each.endsWith(".bin")).length).toBe(1);

  await workbench.runCommand("NormLens: Undo Model Edit");
  await seesNodes(page, 8);
  // The weights of before are nowhere in the folder any more; a new process reads them from the copy.
  await workbench.runCommand("NormLens: Restart Engine");
  await workbench.runCommand("File: Save");
  await seesDirty(workbench, name, false);
  const again = await load(file);
  expect(relativeDifference(runLayers(again, image()), expected)).toBe(0);
  expect(JSON.parse(await readFile(file, "utf8")).modelTopology).toEqual(
    JSON.parse(original.toString()).modelTopology,
  );
  expect(workbench.errors).toEqual([]);
});

test("weights that another program writes are read again; Save As makes a model of its own", async ({
  openWorkspace,
}) => {
  const { folder, workbench } = await openWorkspace(await layersFiles());
  const page = await openWithNormLens(workbench, name);
  const [weights = ""] = (await readdir(folder)).filter((each) => each.endsWith(".bin"));
  const bytes = await readFile(join(folder, weights));
  await writeFile(join(folder, weights), bytes.subarray(4));
  await page.getByText(/their shapes and types need/).waitFor();
  await writeFile(join(folder, weights), bytes);
  await seesNodes(page, 8);

  await foldAll(page);
  const target = join(folder, "folded.json");
  await workbench.runCommand("File: Save As...");
  await enterPath(workbench, target);
  await workbench.tab("folded.json").waitFor();
  const names = await until("folded.json", undefined, async () =>
    (await load(target)).layers.map((layer) => layer.name),
  );
  expect(names).not.toContain("bn_2");
  expect((await load(join(folder, name))).layers.map((layer) => layer.name)).toContain("bn_2");
});
