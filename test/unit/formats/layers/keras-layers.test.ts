import { test } from "vitest";
import { expectKerasOutput, kerasModels } from "./keras-models.ts";

test.each(kerasModels("keras-layers.json.gz"))(
  "$name computes what Keras 3 computes",
  expectKerasOutput,
);
