import { join } from "node:path";
import { expect, test } from "vitest";
import { kerasH5Source } from "../../../../src/formats/keras-h5/source.ts";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { applied, expectRefused, LAYER_CASES } from "../layers/pass-cases.ts";
import { errorAgainstKeras, fileOf, fixture, goldens, scratchFolder } from "./keras-files.ts";

/** Float32 rounds a changed weight once; a lost bias or a swapped layer errs by about 1. */
const TOLERANCE = 1e-5;

/** Those whose result is the same function, so that Keras' own output says what it has to be. */
const KEEPS_FUNCTION = new Set([
  "fold-batch-norm",
  "merge-normalization-affine",
  "drop-redundant-bias",
  "insert-dropout",
  "strip-dropout",
  "apply-weight-norm",
]);

for (const ending of ["keras", "h5"]) {
  test.each(LAYER_CASES)(`$pass $options on a .${ending} file of Keras`, async (each) => {
    const name = `chain.${ending}`;
    const result = await applied(await readModel(await fileOf(fixture(name), name)), each);
    const { graph, applied: places } = result;
    const target = join(await scratchFolder(), name);
    if (each.refused !== undefined) {
      return expectRefused(result, each.refused, target);
    }
    expect(places).toHaveLength(each.places ?? -1);
    // Saving reads the result again and compares it with the graph, node for node.
    await saveModel(graph, target);
    const again = await readModel(target);
    const operators = (from: typeof graph) =>
      from.nodes.map(({ opType }) => opType).filter((type) => !/Transpose|Identity/.test(type));
    if (each.pass !== "apply-weight-norm") expect(operators(again)).toEqual(operators(graph));
    const exact = each.options === undefined || each.options.place === "after";
    if (KEEPS_FUNCTION.has(each.pass) || (each.pass === "insert-batch-norm" && exact)) {
      const golden = goldens.chain;
      if (golden === undefined) throw new Error("no golden output");
      expect(await errorAgainstKeras(again, golden)).toBeLessThan(TOLERANCE);
    }
  });
}

test("a layer without weights that comes into an .h5 file is listed as Keras lists such layers", async () => {
  const { graph } = await applied(await readModel(await fileOf(fixture("chain.h5"), "chain.h5")), {
    pass: "insert-dropout",
  });
  const target = join(await scratchFolder(), "chain.h5");
  await saveModel(graph, target);
  const weights = kerasH5Source(await readModel(target))?.root.children.get("model_weights");
  const child = (name: string) =>
    weights?.kind === "group" ? weights.children.get(name)?.attributes : undefined;
  expect(child("relu_dropout")).toEqual(child("relu"));
  // Keras does not count a Sequential model's InputLayer.
  expect(weights?.attributes.get("layer_names")?.values.slice(0, 4)).toEqual([
    "conv_a",
    "bn",
    "relu",
    "relu_dropout",
  ]);
});
