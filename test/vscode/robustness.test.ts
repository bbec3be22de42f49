import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { encodeModel } from "../../src/formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../../src/graph/builder.ts";
import { DataType } from "../../src/graph/data-type.ts";
import { float32Tensor } from "../../src/graph/tensor.ts";
import { modelWithWeight } from "../support/hostile-models.ts";
import { test } from "./harness/test.ts";
import { until } from "./harness/until.ts";
import type { Workbench } from "./harness/workbench.ts";
import {
  digits,
  engineProcesses,
  foldAll,
  modelPage,
  openModel,
  samples,
  seesDirty,
  seesNodes,
} from "./support.ts";

const name = "digits-cnn.onnx";
const markup = `<img src=x onerror="document.title='broken in'">`;

/** Waits for the page that says why a model cannot be opened, and gives its sentence. */
async function refusal(workbench: Workbench, file: string): Promise<string> {
  await workbench.openFile(file);
  const page = await workbench.webviewFrame("normlens-model-page .failed");
  await page.getByText(`${file} could not be opened`).waitFor();
  return (await page.locator("normlens-model-page .failed p").first().textContent()) ?? "";
}

/** Conv → BatchNormalization whose names are markup. */
function hostileModel(): Uint8Array {
  const builder = new GraphBuilder();
  const ones = (stem: string, length: number) =>
    builder.addInitializer(float32Tensor(stem, [length], new Array<number>(length).fill(1)));
  const weight = builder.addInitializer(float32Tensor("w", [1, 1, 1, 1], [2]));
  const conv = builder.add("Conv", ["x", weight], { stem: markup, name: `${markup}conv` });
  const parameters = ["scale", "bias", "mean", "variance"].map((stem) => ones(stem, 1));
  const output = builder.add("BatchNormalization", [conv, ...parameters], { name: `${markup}bn` });
  const shape = ["N", 1, 2, 2] as const;
  return encodeModel(
    builder.build(
      markup,
      [makeValueInfo("x", DataType.FLOAT, shape)],
      [makeValueInfo(output, DataType.FLOAT, shape)],
      17,
    ),
  );
}

test("a killed engine comes back and no edit is lost", async ({ openWorkspace }) => {
  const before = engineProcesses();
  const { workbench } = await openWorkspace({ [name]: digits }, { fresh: true });
  const page = await openModel(workbench, name);
  await foldAll(page);
  await seesNodes(page, 10);
  const [engine] = engineProcesses().filter((process) => !before.includes(process));
  if (engine === undefined) throw new Error("There is no engine process.");
  process.kill(engine, "SIGKILL");
  await workbench.notification("No edit is lost");
  await workbench.screenshot("robust 1 engine killed");
  await until("new engine process", undefined, async () =>
    engineProcesses().some((process) => process > engine) ? true : undefined,
  );
  await page
    .getByText(/^conv2/)
    .first()
    .click();
  await page.locator("normlens-node-detail").getByText("bias").first().waitFor();
  await seesNodes(page, 10);
  await seesDirty(workbench, name, true);
  await workbench.runCommand("NormLens: Undo Model Edit");
  await seesNodes(page, 13);
  await workbench.screenshot("robust 2 recovered");
});

test("names with markup stay text in every view", async ({ openWorkspace }) => {
  const { workbench } = await openWorkspace({ "hostile.onnx": hostileModel() });
  const page = await openModel(workbench, "hostile.onnx");
  await page.getByText(`${markup}bn`).first().waitFor();
  await foldAll(page);
  await workbench.screenshot("robust 3 hostile names");
  expect(await page.locator("img").count()).toBe(0);
  await workbench.runCommand("NormLens: Undo Model Edit");
  await seesDirty(workbench, "hostile.onnx", false);
  await workbench.runCommand("NormLens: Open as Text");
  await workbench.page.locator(".monaco-editor .squiggly-info").first().waitFor();
  await workbench.screenshot("robust 4 hostile text");
  expect(await workbench.page.title()).not.toContain("broken in");
  expect(workbench.errors).toEqual([]);
});

test("files that are no model are refused with one sentence", async ({ openWorkspace }) => {
  const whole = await readFile(join(samples, name));
  const { workbench } = await openWorkspace({
    "truncated.onnx": whole.subarray(0, Math.floor(whole.length / 2)),
    "empty.onnx": new Uint8Array(),
    "words.onnx": "This is no model.\n",
  });
  for (const file of ["truncated.onnx", "empty.onnx", "words.onnx"]) {
    const sentence = await refusal(workbench, file);
    expect(sentence).toMatch(new RegExp(`${file}: .+`));
    expect(sentence).not.toMatch(/\n|at .*\.js|Error:/);
    await workbench.screenshot(`robust 5 ${file}`);
    await workbench.runCommand("View: Close All Editors");
  }
});

const outside = modelWithWeight({ dims: [4n], external: { location: "../../etc/passwd" } });

test("external data outside the folder is refused", async ({ openWorkspace }) => {
  const { workbench } = await openWorkspace({ "outside.onnx": outside });
  const sentence = await refusal(workbench, "outside.onnx");
  expect(sentence).toContain("../../etc/passwd");
  await workbench.screenshot("robust 6 external data");
});

test("a file changed by another program is read again, or asks", async ({ openWorkspace }) => {
  const { folder, workbench } = await openWorkspace({ [name]: digits });
  const page = await openModel(workbench, name);
  await copyFile(join(samples, "narrow-resnet.onnx"), join(folder, name));
  await page.getByText("/conv1/Conv", { exact: true }).first().waitFor();
  await foldAll(page);
  await seesDirty(workbench, name, true);
  await copyFile(join(samples, name), join(folder, name));
  const message = await workbench.notification("was changed by another program");
  await workbench.screenshot("robust 7 changed outside");
  await message.getByRole("button", { name: "Reload" }).click();
  await seesNodes(page, 13);
  await seesDirty(workbench, name, false);
});

test("unsaved edits survive a reload of the window", async ({ openWorkspace }) => {
  const { folder, workbench } = await openWorkspace({ [name]: digits }, { fresh: true });
  const original = await readFile(join(folder, name));
  await foldAll(await openModel(workbench, name));
  await seesDirty(workbench, name, true);
  await workbench.reload();
  const page = await modelPage(workbench);
  await seesNodes(page, 10);
  await seesDirty(workbench, name, true);
  await workbench.screenshot("robust 8 hot exit");
  await workbench.runCommand("File: Save");
  await seesDirty(workbench, name, false);
  expect((await readFile(join(folder, name))).equals(original)).toBe(false);
});
