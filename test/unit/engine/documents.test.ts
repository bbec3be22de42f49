import { copyFile, cp, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { Documents } from "../../../src/engine/documents.ts";
import { graphDifference } from "../../../src/formats/layers/same-graph.ts";
import { encodeModel, saveModel } from "../../../src/formats/onnx/write.ts";
import { otherFiles, readModel, saveModel as saveAnyModel } from "../../../src/formats/registry.ts";
import type { Edit } from "../../../src/protocol/engine.ts";
import { SAMPLES, temporaryFolder } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { networks } from "../formats/tfjs/networks.ts";
import { save, scramble } from "../formats/tfjs/tfjs-models.ts";

const MODEL = join(SAMPLES, "digits-cnn.onnx");

function fold(site: string): Edit {
  return {
    kind: "pass",
    pass: "fold-batch-norm",
    sites: [site],
    options: {},
    label: `Fold ${site}`,
  };
}

test("a shorter list of edits is an undo, and the longer one again a redo, without new work", async () => {
  const documents = new Documents();
  const edits = [fold("bn1"), fold("bn2")];
  const two = await documents.get({ path: MODEL, edits }, context);
  const one = await documents.get({ path: MODEL, edits: edits.slice(0, 1) }, context);
  const none = await documents.get({ path: MODEL, edits: [] }, context);
  const again = await documents.get({ path: MODEL, edits }, context);
  expect(none.graph).toBe(none.original);
  expect(one.graph.nodes.length).toBe(none.graph.nodes.length - 1);
  expect(two.graph.nodes.length).toBe(none.graph.nodes.length - 2);
  expect(again.graph).toBe(two.graph);
});

test("another edit after an undo replaces what was undone", async () => {
  const documents = new Documents();
  await documents.get({ path: MODEL, edits: [fold("bn1"), fold("bn2")] }, context);
  const other = await documents.get({ path: MODEL, edits: [fold("bn3"), fold("bn2")] }, context);
  const names = other.graph.nodes.map((node) => node.name);
  expect(names).toContain("bn1");
  expect(names).not.toContain("bn2");
  expect(names).not.toContain("bn3");
});

test("a new process that replays the edits makes the same bytes", async () => {
  const edits = [fold("bn2"), fold("bn1")];
  const first = await new Documents().get({ path: MODEL, edits }, context);
  const second = await new Documents().get({ path: MODEL, edits }, context);
  expect(Buffer.compare(encodeModel(first.graph), encodeModel(second.graph))).toBe(0);
});

test("after saving over the file, edits still start from the kept original", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "model.onnx");
  const source = join(folder, "original.onnx");
  await copyFile(MODEL, path);
  await copyFile(MODEL, source);
  const edits = [fold("bn1")];
  const documents = new Documents();
  const before = await documents.get({ path, edits }, context);
  await saveModel(before.graph, path);
  const after = await documents.get({ path, source, edits }, context);
  const replayed = await new Documents().get({ path, source, edits }, context);
  expect(after.graph).toBe(before.graph);
  expect(encodeModel(replayed.graph)).toEqual(encodeModel(before.graph));
});

test("a copy of a model of several files is complete: saving over the model replaces its weights", async () => {
  const [network] = networks();
  const model = network?.build();
  if (model === undefined) throw new Error("There is no network.");
  scramble(model);
  const path = await save(model, { shardBytes: 900 });
  const copies = await temporaryFolder();
  await cp(dirname(path), copies, { recursive: true });
  const source = join(copies, "model.json");
  const files = await otherFiles(path);
  expect(files.length).toBeGreaterThan(1);
  const edits = [fold("bn_a")];
  const { graph, original } = await new Documents().get({ path, edits }, context);
  await saveAnyModel(graph, path);
  expect(await otherFiles(path)).not.toEqual(files);
  const replayed = await new Documents().get({ path, source, edits }, context);
  const weights = (each: typeof graph) => [...each.initializers].map(([, { data }]) => data.read());
  expect(weights(replayed.graph)).toEqual(weights(graph));
  expect(weights(replayed.original)).toEqual(weights(original));
  expect(graphDifference(graph, await readModel(path))).toBeUndefined();
});

test("a file that could not be read is read again the next time", async () => {
  const path = join(await temporaryFolder(), "model.onnx");
  const documents = new Documents();
  await writeFile(path, "no model");
  await expect(documents.get({ path, edits: [] }, context)).rejects.toThrow(/contains text/);
  await copyFile(MODEL, path);
  expect((await documents.get({ path, edits: [] }, context)).graph.nodes.length).toBe(13);
});

test("trained weights are an edit; weights of another model are refused by name", async () => {
  const folder = await temporaryFolder();
  const trained = join(folder, "trained.onnx");
  await copyFile(MODEL, trained);
  const weights = (path: string): Edit => ({ kind: "weights", path, label: "Apply weights" });
  const documents = new Documents();
  const same = await documents.get({ path: MODEL, edits: [weights(trained)] }, context);
  expect(encodeModel(same.graph)).toEqual(encodeModel(same.original));
  const other = weights(join(SAMPLES, "digits-mlp.onnx"));
  await expect(documents.get({ path: MODEL, edits: [other] }, context)).rejects.toThrow(
    /digits-mlp\.onnx: (has no weights for|fc\d\.)/,
  );
});

test("a trained model takes the place of the other, and what it left alone counts as unchanged", async () => {
  const folder = await temporaryFolder();
  const trained = join(folder, "best.onnx");
  const { graph } = await new Documents().get({ path: MODEL, edits: [fold("bn2")] }, context);
  await saveModel(graph, trained);
  const edits: Edit[] = [fold("bn1"), { kind: "model", path: trained, label: "Use trained model" }];
  const documents = new Documents();
  const adopted = await documents.get({ path: MODEL, edits }, context);
  expect(Buffer.compare(encodeModel(adopted.graph), encodeModel(graph))).toBe(0);
  const node = (name: string) => adopted.graph.nodes.find((each) => each.name === name);
  expect(node("relu1")).toBe(adopted.original.nodes.find((each) => each.name === "relu1"));
  expect(node("conv2")).not.toBe(adopted.original.nodes.find((each) => each.name === "conv2"));
  const undone = await documents.get({ path: MODEL, edits: edits.slice(0, 1) }, context);
  expect(undone.graph.nodes.some(({ name }) => name === "bn2")).toBe(true);
});
