import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { load, relativeDifference, runGraph, runLayers, scratchFolder, tf } from "./tfjs-models.ts";

interface Numbers {
  readonly shape: number[];
  readonly values: readonly number[];
}

interface Architecture {
  readonly name: string;
  readonly document: object;
  readonly weights: readonly (Numbers & { readonly name: string })[];
  readonly input: Numbers;
  readonly output: Numbers;
}

const golden = new URL("../../../oracles/keras-architectures.json.gz", import.meta.url);
const architectures: Architecture[] = JSON.parse(gunzipSync(readFileSync(golden)).toString());

/** How many Transposes the different orders of axes need: at an input or output of images, and in time. */
const TRANSPOSES: Readonly<Record<string, number>> = { u_net: 2, inverted: 1, sentences: 1 };

/** Float32 sums of a few hundred products in another order. */
const TOLERANCE = 1e-5;

test.each(architectures)(
  "$name of Keras is read, folded and loaded again",
  async (architecture) => {
    const { name, input, output } = architecture;
    const folder = await scratchFolder();
    const weights = architecture.weights.map((each) => ({
      name: each.name,
      shape: each.shape,
      dtype: "float32",
    }));
    const values = architecture.weights.flatMap((each) => each.values);
    await writeFile(join(folder, "weights.bin"), new Uint8Array(Float32Array.from(values).buffer));
    const weightsManifest = [{ paths: ["weights.bin"], weights }];
    const file = join(folder, "model.json");
    await writeFile(file, JSON.stringify({ ...architecture.document, weightsManifest }));

    const graph = await readModel(file);
    const transposes = graph.nodes.filter(({ opType }) => opType === "Transpose").length;
    expect(transposes).toBe(TRANSPOSES[name]);
    const x = [tf.tensor([...input.values], input.shape)];
    const expected = [Float32Array.from(output.values)];
    expect(relativeDifference(await runGraph(graph, x), expected)).toBeLessThan(TOLERANCE);

    const { graph: folded } = foldBatchNorm.apply(graph, undefined, {});
    expect(folded.nodes.filter(({ opType }) => opType === "BatchNormalization")).toEqual([]);
    const target = join(await scratchFolder(), "model.json");
    await saveModel(folded, target);
    const again = await load(target);
    expect(again.layers.map((layer) => layer.getClassName())).not.toContain("BatchNormalization");
    expect(relativeDifference(runLayers(again, x), expected)).toBeLessThan(TOLERANCE);
  },
);
