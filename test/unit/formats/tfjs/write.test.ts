import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { networks } from "./networks.ts";
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
