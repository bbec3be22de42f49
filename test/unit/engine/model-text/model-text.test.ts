import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { modelTextMethods } from "../../../../src/engine/model-text/methods.ts";
import { withEdits } from "../../../../src/formats/layers/text-edits.ts";
import type {
  LayerSymbol,
  ModelTextView,
  RewrittenText,
  TextPosition,
  TextRange,
} from "../../../../src/protocol/model-text.ts";
import { context } from "../../../support/request-context.ts";
import { type Network, networks } from "../../formats/tfjs/networks.ts";
import {
  load,
  relativeDifference,
  runLayers,
  save,
  scramble,
  scratchFolder,
} from "../../formats/tfjs/tfjs-models.ts";

/** A network's model.json on the disk, in a way of writing JSON. */
async function saved(name: string, indent?: number) {
  const network = networks().find((each) => each.name === name) as Network;
  const model = network.build();
  scramble(model);
  const path = await save(model, { shardBytes: 900 });
  const text = JSON.stringify(JSON.parse(await readFile(path, "utf8")), undefined, indent);
  await writeFile(path, text);
  return { network, model, path, text };
}

function offsetOf(text: string, { line, character }: TextPosition): number {
  const before = text.split("\n").slice(0, line);
  return before.reduce((sum, each) => sum + each.length + 1, character);
}

function textIn(text: string, { start, end }: TextRange): string {
  return text.slice(offsetOf(text, start), offsetOf(text, end));
}

function applied(text: string, { edits }: RewrittenText): string {
  const inOffsets = edits.map(({ range, content }) => {
    const offset = offsetOf(text, range.start);
    return { offset, length: offsetOf(text, range.end) - offset, content };
  });
  return withEdits(text, inOffsets);
}

async function viewOf(path: string, text: string): Promise<ModelTextView> {
  const view = await modelTextMethods().modelText({ path, text }, context);
  if (view === null) throw new Error("It was taken for something else than a model.");
  return view;
}

function namesOf({ name, className, children }: LayerSymbol): unknown {
  return children.length === 0
    ? `${className} ${name}`
    : { [`${className} ${name}`]: children.map(namesOf) };
}

test.each([undefined, 2])(
  "findings stand on their own layer's name, and the outline holds the models inside (indent %s)",
  async (indent) => {
    const { path, text } = await saved("a model inside a model", indent);
    const { model, findings } = await viewOf(path, text);
    expect(namesOf(model)).toEqual({
      "Model nested": [
        "InputLayer left",
        "InputLayer right",
        {
          "Sequential encoder": [
            "Dense inner_dense",
            "BatchNormalization inner_bn",
            "Activation inner_tanh",
          ],
        },
        "Dense shared",
        "Multiply product",
      ],
    });
    const fold = findings.filter(({ rule }) => rule === "fold-batch-norm");
    expect(fold.map(({ layer }) => layer)).toContain("encoder/inner_bn");
    for (const { range, layer } of findings) {
      expect(textIn(text, range)).toBe(JSON.stringify(layer.split("/").at(-1)));
    }
    const spans = (symbol: LayerSymbol): readonly LayerSymbol[] => [
      symbol,
      ...symbol.children.flatMap(spans),
    ];
    for (const { path: layer, range, label } of spans(model)) {
      expect(JSON.parse(textIn(text, range))).toBeTypeOf("object");
      expect(offsetOf(text, label.start)).toBeGreaterThan(offsetOf(text, range.start));
      expect(offsetOf(text, label.end)).toBeLessThan(offsetOf(text, range.end));
      expect(layer === "" || textIn(text, label).length > 2).toBe(true);
    }
  },
);

test("one fold changes the text where it has to, and new weights get new files", async () => {
  const { network, model, path, text } = await saved("a Sequential CNN", 2);
  const methods = modelTextMethods();
  const folder = await scratchFolder();
  const request = { path, text, folder, pass: "fold-batch-norm", sites: ["bn_a"], verify: true };
  const rewritten = await methods.rewriteText(request, context);
  expect(rewritten.report.label).toBe("Fold bn_a into conv_a");
  expect(rewritten.report.certificate?.pass).toBe(true);
  const folded = applied(text, rewritten);
  const unchanged = new Set(folded.split("\n"));
  const kept = text.split("\n").filter((line) => unchanged.has(line));
  expect(kept.length).toBeGreaterThan(0.9 * (text.split("\n").length - 60));

  // The files that the old text names still are as they were: without saving nothing has changed.
  expect(await readFile(path, "utf8")).toBe(text);
  const before = runLayers(await load(path), network.inputs());
  for (const { path: shard, content } of rewritten.files) {
    const target = join(dirname(path), shard);
    await mkdir(dirname(target), { recursive: true });
    await expect(readFile(target)).rejects.toThrow(/ENOENT/);
    await copyFile(content, target);
  }
  expect(relativeDifference(runLayers(await load(path), network.inputs()), before)).toBe(0);
  await writeFile(path, folded);
  const again = await load(path);
  expect(again.layers.map(({ name }) => name)).not.toContain("bn_a");
  const expected = runLayers(model, network.inputs());
  // Float32 rounds each folded weight once; a lost bias or channel errs by about 1.
  expect(relativeDifference(runLayers(again, network.inputs()), expected)).toBeLessThan(1e-5);
});

test("unsaved text is what counts: what was folded there proposes nothing more", async () => {
  const { path, text } = await saved("an MLP");
  const methods = modelTextMethods();
  const folder = await scratchFolder();
  const request = { path, text, folder, pass: "fold-batch-norm", verify: false };
  const rewritten = await methods.rewriteText(request, context);
  const folded = applied(text, rewritten);
  for (const { path: shard, content } of rewritten.files) {
    await copyFile(content, join(dirname(path), shard));
  }
  const rules = async (each: string) => (await viewOf(path, each)).findings.map(({ rule }) => rule);
  expect(await rules(folded)).not.toContain("fold-batch-norm");
  expect(await rules(text)).toContain("fold-batch-norm");
  const nothing = await methods.rewriteText({ ...request, text: folded }, context);
  expect(nothing).toMatchObject({ edits: [], files: [] });
});

test("a layer's shape, parameters and weights are told as the file has them", async () => {
  const { path, text, model } = await saved("a Sequential CNN");
  const methods = modelTextMethods();
  const conv = await methods.layerDetail({ path, text, layer: "conv_a" });
  expect(conv).toMatchObject({ className: "Conv2D", output: "?×8×7×6", parameters: 162, calls: 1 });
  const [kernel] = conv.weights;
  const numbers = model.getLayer("conv_a").getWeights()[0]?.dataSync() as Float32Array;
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  expect(kernel).toMatchObject({ name: "kernel", shape: [3, 3, 3, 6], count: 162 });
  expect(kernel?.mean).toBeCloseTo(mean, 6);
  expect(kernel?.max).toBe(Math.max(...numbers));
  const norm = await methods.layerDetail({ path, text, layer: "bn_a" });
  const gamma = model.getLayer("bn_a").getWeights()[0]?.dataSync() as Float32Array;
  const fromOne = Math.max(...gamma.map((value) => Math.abs(value - 1)));
  expect(norm.weights.find(({ name }) => name === "gamma")?.fromOne).toBeCloseTo(fromOne, 6);
  expect(norm.weights.find(({ name }) => name === "beta")?.fromOne).toBeUndefined();
  await expect(methods.layerDetail({ path, text, layer: "nobody" })).rejects.toThrow(/nobody/);
});

test("passes that could act at a layer are found by its name; what layers cannot say has its reason", async () => {
  const { path, text } = await saved("a Sequential CNN");
  const sitesAt = async (layer: string, pass: string) => {
    const { sites } = await modelTextMethods().layerSites({ path, text, layer }, context);
    return sites.filter((site) => site.pass === pass);
  };
  expect(await sitesAt("bn_a", "fold-batch-norm")).toEqual([
    expect.objectContaining({ site: "bn_a", title: "Fold bn_a into conv_a" }),
  ]);
  expect((await sitesAt("bn_a", "fold-batch-norm"))[0]?.refusal).toBeUndefined();
  expect((await sitesAt("bn_a", "batch-norm-to-affine"))[0]?.refusal).toMatch(
    /layer bn_a: its BatchNormalization became another operator/,
  );

  // One use of a shared layer alone cannot get other weights.
  const nested = await saved("a model inside a model");
  const request = { path: nested.path, text: nested.text, layer: "encoder/inner_bn" };
  const { sites } = await modelTextMethods().layerSites(request, context);
  const folds = sites.filter(({ pass }) => pass === "fold-batch-norm");
  expect(folds).toHaveLength(2);
  for (const { refusal } of folds) expect(refusal).toMatch(/layer encoder.inner/);
});

test("other JSON of that name, and JSON with a mistake, is nothing to speak of", async () => {
  const { path, text } = await saved("an MLP");
  const { modelText } = modelTextMethods();
  const others = ["", "[]", '{"name":"shop"}', '{"modelTopology":1}', text.slice(0, -1)];
  for (const other of [...others, `${"[".repeat(300)}${"]".repeat(300)}`]) {
    expect(await modelText({ path, text: other }, context)).toBeNull();
  }
});

test("a mistake in a layer is told at that layer, missing weights at the model", async () => {
  const { path, text } = await saved("an MLP", 2);
  const wrong = text.replace('"units": 3', '"units": -3');
  const view = await viewOf(path, wrong);
  expect(view.findings).toEqual([]);
  expect(view.problem?.message).toMatch(/units is -3/);
  expect(textIn(wrong, view.problem?.range as TextRange)).toBe('"dense_b"');
  const elsewhere = await viewOf(join(await scratchFolder(), "model.json"), text);
  expect(elsewhere.problem?.message).toMatch(/file of weights .* is missing/);
  expect(textIn(text, elsewhere.problem?.range as TextRange)).toBe('"mlp"');
});
