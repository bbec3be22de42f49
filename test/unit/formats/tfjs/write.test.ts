import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readModel, requireWritable, saveModel } from "../../../../src/formats/registry.ts";
import { InputError } from "../../../../src/graph/input-error.ts";
import { batchNormToAffine } from "../../../../src/passes/batch-norm-to-affine.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { type Network, networks } from "./networks.ts";
import {
  load,
  relativeDifference,
  runLayers,
  save,
  scramble,
  scratchFolder,
} from "./tfjs-models.ts";

/** Float32 rounds a folded weight and bias once each; a lost bias or wrong channel errs by about 1. */
const TOLERANCE = 1e-5;

test.each(networks())("$name is written without a change byte for byte", async ({ build }) => {
  const model = build();
  scramble(model);
  for (const shardBytes of [undefined, 100]) {
    const file = await save(model, shardBytes === undefined ? {} : { shardBytes });
    const copy = join(await scratchFolder(), "copy.json");
    await saveModel(await readModel(file), copy);
    expect(await readFile(copy, "utf8")).toBe(await readFile(file, "utf8"));
    const { weightsManifest } = JSON.parse(await readFile(file, "utf8"));
    const paths: string[] = weightsManifest[0].paths;
    expect(paths.length > 1).toBe(shardBytes !== undefined);
    for (const path of paths) {
      const [before, after] = [join(dirname(file), path), join(dirname(copy), path)];
      expect(await readFile(after)).toEqual(await readFile(before));
    }
  }
});

test.each(networks())(
  "$name is folded in its own format",
  async ({ build, inputs, folds, gone }) => {
    const model = build();
    scramble(model);
    const file = await save(model, { shardBytes: 900 });
    const { graph, applied } = foldBatchNorm.apply(await readModel(file), undefined, {});
    expect(applied.length).toBe(folds);
    const folded = join(await scratchFolder(), "model.json");
    await saveModel(graph, folded);
    const again = await load(folded);
    expect(relativeDifference(runLayers(again, inputs()), runLayers(model, inputs()))).toBeLessThan(
      TOLERANCE,
    );
    const names = (each: typeof model): string[] =>
      each.layers.flatMap((layer) =>
        "layers" in layer ? names(layer as typeof model) : [layer.name],
      );
    expect(names(model).filter((name) => !names(again).includes(name))).toEqual(gone);
  },
);

test("what a fold leaves alone stays as it was written", async () => {
  const [network] = networks();
  const file = await save((network as Network).build());
  const text = (await readFile(file, "utf8")).replaceAll('"momentum":0.99', '"momentum" : 0.990');
  await writeFile(file, text);
  const { graph } = foldBatchNorm.apply(await readModel(file), ["bn_a"], {});
  await saveModel(graph, file);
  const written = await readFile(file, "utf8");
  expect(text.split('"momentum" : 0.990').length).toBe(4);
  expect(written.split('"momentum" : 0.990').length).toBe(3);
  expect(written).not.toContain('"bn_a"');
});

test("what layers cannot say is refused with the place, and can be written as ONNX", async () => {
  const [network] = networks();
  const file = await save((network as Network).build());
  const graph = await readModel(file);
  const { graph: affine } = batchNormToAffine.apply(graph, ["bn_a"], {});
  const target = join(await scratchFolder(), "model.json");
  await expect(requireWritable(affine, target)).rejects.toThrow(
    /layer bn_a: its BatchNormalization became another operator, (Mul|Add)/,
  );
  await expect(saveModel(affine, target)).rejects.toThrow(InputError);
  expect(await readdir(dirname(target))).toEqual([]);
  const converted = join(dirname(target), "model.onnx");
  await saveModel(affine, converted);
  const onnx = await readModel(converted);
  expect(onnx.source.format).toBe("onnx");
  await expect(saveModel(onnx, target)).rejects.toThrow(/read from TensorFlow.js/);
});

test("new numbers for every weight come back, those of a shared layer too", async () => {
  const network = networks().find(({ name }) => name === "a model inside a model") as Network;
  const [model, other] = [network.build(), network.build()];
  scramble(model, 1);
  scramble(other, 2);
  const graph = await readModel(await save(model));
  // Layers get the same names in both, so each weight is known by its own.
  const { initializers } = await readModel(await save(other));
  const trained = join(await scratchFolder(), "model.json");
  await saveModel({ ...graph, initializers }, trained);
  const inputs = network.inputs();
  const found = runLayers(await load(trained), inputs);
  expect(relativeDifference(found, runLayers(other, inputs))).toBe(0);
  expect(relativeDifference(found, runLayers(model, inputs))).toBeGreaterThan(0.1);
});
