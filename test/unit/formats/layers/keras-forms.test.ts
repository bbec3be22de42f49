import { expect, test } from "vitest";
import type { Json } from "../../../../src/formats/layers/json.ts";
import { expectKerasOutput, graphOf, type KerasModel, kerasModels } from "./keras-models.ts";

const models = kerasModels("keras-channels-first.json.gz");

test.each(models)(
  "$name with its channels in front computes what Keras computes",
  expectKerasOutput,
);

/** The model with a field of its layer stated in another form. */
function withField(name: string, field: string, value: Json): KerasModel {
  const model = structuredClone(models.find((each) => each.name === name)) as KerasModel & {
    config: { config: { layers: { config: Record<string, Json> }[] } };
  };
  const layer = model.config.config.layers.at(-1);
  expect(layer?.config).toHaveProperty(field);
  if (layer !== undefined) layer.config[field] = value;
  return model;
}

test.each<[name: string, field: string, forms: readonly Json[]]>([
  ["ZeroPadding1D number", "padding", [2, [2], [2, 2], [[2, 2]]]],
  [
    "ZeroPadding2D number",
    "padding",
    [
      2,
      [2, 2],
      [
        [2, 2],
        [2, 2],
      ],
    ],
  ],
  [
    "ZeroPadding3D",
    "padding",
    [
      [1, 0, 2],
      [
        [1, 1],
        [0, 0],
        [2, 2],
      ],
    ],
  ],
  ["Cropping1D number", "cropping", [2, [2, 2]]],
  [
    "Cropping2D number",
    "cropping",
    [
      1,
      [1, 1],
      [
        [1, 1],
        [1, 1],
      ],
    ],
  ],
  ["UpSampling1D", "size", [3, [3]]],
  ["UpSampling2D", "size", [[2, 3]]],
  ["BatchNormalization", "axis", [1, [1], -3, [-3]]],
  ["MaxPooling1D", "pool_size", [2, [2]]],
  ["MaxPooling1D", "data_format", ["channels_first", "channelsFirst"]],
])("%s: each form of %s means the same", async (name, field, forms) => {
  for (const form of forms) await expectKerasOutput(withField(name, field, form));
});

test("a word for the order of axes that nobody has is refused", () => {
  expect(() => graphOf(withField("Flatten", "data_format", "channels_middle"))).toThrow(
    /data_format is "channels_middle"; "channels_last" or "channels_first" is needed/,
  );
});
