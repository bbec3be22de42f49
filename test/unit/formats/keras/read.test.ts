import { expect, test } from "vitest";
import { kerasSource } from "../../../../src/formats/keras/source.ts";
import { layerGroups } from "../../../../src/formats/keras/weights.ts";
import { kerasGroupNames, kerasOrder } from "../../../../src/formats/layers/keras-order.ts";
import type { ModelConfig } from "../../../../src/formats/layers/model-config.ts";
import { readModel } from "../../../../src/formats/registry.ts";
import { verify } from "../../../../src/graph/verify.ts";
import { errorAgainstKeras, fileOf, fixture, type Golden, goldens } from "./keras-files.ts";

/** Float32 sums of up to a few hundred products a layer, tens of layers deep. */
const TOLERANCE = 1e-5;

/** Keras rounds every result of a half-precision layer to 11 bits, and NormLens none. */
const HALF_TOLERANCE = 2 ** -10;

const files = Object.keys(goldens).flatMap((name) => [
  { name, ending: "keras", format: "keras" },
  { name, ending: "h5", format: "keras-h5" },
]);

test.each(files)("$name.$ending computes what Keras computes", async ({ name, ending, format }) => {
  // The name says nothing: what a file is, its contents tell.
  const graph = await readModel(await fileOf(fixture(`${name}.${ending}`), "model.bin"));
  expect(graph.source.format).toBe(format);
  expect(graph.producer).toMatch(/^Keras 3\.\d+\.\d+$/);
  expect(verify(graph)).toEqual([]);
  const error = await errorAgainstKeras(graph, goldens[name] as Golden);
  expect(error).toBeLessThan(name === "half" ? HALF_TOLERANCE : TOLERANCE);
});

/** Keras wrote each layer's name into its group: the count must come to the same group. */
test.each(Object.keys(goldens))(
  "the layers of %s.keras are counted as Keras counts",
  async (name) => {
    const graph = await readModel(await fileOf(fixture(`${name}.keras`), "model.keras"));
    const source = kerasSource(graph);
    if (source === undefined) throw new Error("not read from Keras");
    const told = layerGroups(source.weights, source.model);
    let counted = 0;
    const compare = (model: ModelConfig, path: readonly string[]) => {
      for (const [layer, group] of kerasGroupNames(model)) {
        expect(told.get([...path, layer].join("/"))?.at(-1)).toBe(group);
        counted++;
      }
      for (const { name: inner, model: nested } of model.layers) {
        if (nested !== undefined) compare(nested, [...path, inner]);
      }
    };
    compare(source.model, []);
    expect(counted).toBe(told.size);
  },
);

test("a file writes its layers in the order that follows from the graph", async () => {
  for (const name of ["unet", "mobilenet", "resnet"]) {
    const graph = await readModel(await fileOf(fixture(`${name}.keras`), "model.keras"));
    const model = kerasSource(graph)?.model as ModelConfig;
    const names = model.layers.map((layer) => layer.name);
    expect(kerasOrder(model).map((layer) => layer.name)).toEqual(names);
    // Listed in another order, the layers are the same model, and Keras orders them as before.
    const turned = { ...model, layers: [...model.layers].reverse() };
    expect(kerasOrder(turned).map((layer) => layer.name)).toEqual(names);
  }
});
