import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { verify } from "../../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { relativeDifference, runGraph, scratchFolder, tf } from "../tfjs/tfjs-models.ts";
import { runInTensorFlow, saveDocument } from "./graph-file.ts";

interface Numbers {
  readonly shape: number[];
  readonly values: number[];
}

interface Form {
  readonly form: string;
  readonly document: {
    readonly weightsManifest: { readonly paths: readonly string[] }[];
    readonly signature: { readonly inputs: object; readonly outputs: object };
  };
  /** Base64. */
  readonly weights: string;
}

interface Architecture {
  readonly name: string;
  readonly input: Numbers;
  readonly output: Numbers;
  readonly forms: readonly Form[];
}

const golden = new URL("../../../oracles/tensorflow-graphs.json.gz", import.meta.url);
const architectures: Architecture[] = JSON.parse(gunzipSync(readFileSync(golden)).toString());
const cases = architectures.flatMap(({ forms, ...architecture }) =>
  forms.map((form) => ({ ...architecture, ...form })),
);

/** Float32 sums of a few hundred products in another order. */
const TOLERANCE = 1e-5;

/**
 * What folding takes away, BatchNorms or the Mul and Add that stand for one, and BatchNorms that stay:
 * those of a densenet between a Concat and a Relu.
 */
const COUNTS: Readonly<Record<string, { readonly folded: number; readonly left: number }>> = {
  "mobilenet, keras 3": { folded: 4, left: 0 },
  "mobilenet, keras 2": { folded: 0, left: 0 },
  "mobilenet, unfolded": { folded: 7, left: 0 },
  "resnet, keras 3": { folded: 16, left: 0 },
  "resnet, unfolded": { folded: 8, left: 0 },
  "efficientnet, keras 3": { folded: 2, left: 0 },
  "efficientnet, unfolded": { folded: 4, left: 0 },
  "densenet, keras 3": { folded: 0, left: 0 },
  "densenet, unfolded": { folded: 5, left: 6 },
  "u_net, keras 3": { folded: 4, left: 0 },
  "u_net, keras 2": { folded: 4, left: 0 },
  "u_net, unfolded": { folded: 7, left: 0 },
  "dilated, keras 3": { folded: 4, left: 0 },
  "dilated, unfolded": { folded: 3, left: 0 },
  "sentences, keras 3": { folded: 1, left: 0 },
  "transformer, keras 3": { folded: 0, left: 0 },
};

test.each(cases)(
  "$name of Keras ($form) is read, folded and loaded again",
  async ({ name, form, document, weights, input, output }) => {
    const [group] = document.weightsManifest;
    const [path = ""] = group?.paths ?? [];
    expect(group?.paths).toEqual(["group1-shard1of1.bin"]);
    const file = await saveDocument(document, Buffer.from(weights, "base64"));
    const graph = await readModel(file);
    expect(verify(graph)).toEqual([]);
    expect(graph.nodes.filter(({ domain }) => domain !== "")).toEqual([]);
    const x = tf.tensor(input.values, input.shape);
    const expected = [Float32Array.from(output.values)];
    expect(relativeDifference(await runGraph(graph, [x]), expected)).toBeLessThan(TOLERANCE);

    const copy = join(await scratchFolder(), "model.json");
    await saveModel(graph, copy);
    expect(await readFile(copy)).toEqual(await readFile(file));
    expect(await readFile(join(copy, "..", path))).toEqual(Buffer.from(weights, "base64"));

    const { graph: folded, applied } = foldBatchNorm.apply(graph, undefined, {});
    const normalizations = folded.nodes.filter(({ opType }) => opType === "BatchNormalization");
    expect({ folded: applied.length, left: normalizations.length }).toEqual(
      COUNTS[`${name}, ${form}`],
    );
    const target = join(await scratchFolder(), "model.json");
    await saveModel(folded, target);
    const [feed = ""] = graph.inputs.map((each) => each.name);
    const [result = ""] = graph.outputs.map((each) => each.name);
    const found = await runInTensorFlow(target, { [feed]: x }, [result]);
    expect(relativeDifference(found, expected)).toBeLessThan(TOLERANCE);
    const again = await readModel(target);
    expect(foldBatchNorm.find(again, {}).filter(({ applicable }) => applicable)).toEqual([]);
  },
);
