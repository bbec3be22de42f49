import { expect, test } from "vitest";
import { missingGradientRules } from "../../../../src/training/autodiff.ts";
import { trainableParameters } from "../../../../src/training/parameters.ts";
import { expectKerasOutput, graphOf, kerasModels } from "./keras-models.ts";

const models = kerasModels("keras-attention.json.gz");

test.each(models)("$name computes what Keras 3 computes", expectKerasOutput);

/** Keras trains all weights of these layers but the vector u of spectral normalization. */
test.each(models)("each weight of $name is trained", (model) => {
  const graph = graphOf(model);
  const parameters = trainableParameters(graph);
  const names = parameters.map(({ name }) => name);
  const trained = Object.keys(model.weights).filter((name) => !name.endsWith("vector_u"));
  expect(names.toSorted()).toEqual(trained.toSorted());
  expect(missingGradientRules(graph, names)).toEqual([]);
});
