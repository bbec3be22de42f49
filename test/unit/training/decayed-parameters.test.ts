import { join } from "node:path";
import { expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { decayedParameters, penalizedValues } from "../../../src/training/decayed-parameters.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { SAMPLES } from "../../support/repository.ts";

const WEIGHTS = ["conv1.weight", "conv2.weight", "conv3.weight", "fc.weight"];

test("weights are decayed and penalized, all else only where that is asked for", async () => {
  const parameters = trainableParameters(await readModel(join(SAMPLES, "digits-cnn.onnx")));
  const every = parameters.map(({ name }) => name);
  expect([...decayedParameters(parameters, "weights")]).toEqual(WEIGHTS);
  expect([...penalizedValues(parameters, "weights")]).toEqual(WEIGHTS);
  expect([...decayedParameters(parameters, "all")]).toEqual(every);
  expect([...penalizedValues(parameters, "all")]).toEqual(every);
});

test("behind weight normalization g is decayed, and w is penalized", async () => {
  const path = "test/fixtures/onnx/weight-norm-parametrization-dynamo.onnx";
  const parameters = trainableParameters(await readModel(path));
  const byRole = (role: string) =>
    parameters.filter((parameter) => parameter.role === role).map(({ name }) => name);
  const decayed = decayedParameters(parameters, "weights");
  expect(byRole("magnitude").length).toBeGreaterThan(0);
  for (const name of byRole("magnitude")) expect(decayed).toContain(name);
  for (const name of byRole("direction")) expect(decayed).not.toContain(name);
  const penalized = penalizedValues(parameters, "weights");
  for (const name of [...byRole("magnitude"), ...byRole("direction")]) {
    expect(penalized).not.toContain(name);
  }
});
