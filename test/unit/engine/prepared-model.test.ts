import { join } from "node:path";
import { expect, test } from "vitest";
import { preparedModel } from "../../../src/engine/prepared-model.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { mergeConfig } from "../../../src/training/config.ts";
import { withFreshWeights } from "../../../src/training/fresh-model.ts";
import { SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";

const MODEL = join(SAMPLES, "digits-cnn.onnx");

function config(part: object) {
  return mergeConfig(DEFAULT_TRAINING_CONFIG, part);
}

function values(tensor: Tensor | undefined) {
  return [...readFloat64(tensor as Tensor)];
}

test("without passes the model is the file's, and training draws the weights", async () => {
  const graph = await readModel(MODEL);
  expect(await preparedModel(graph, config({}), context)).toEqual({ graph, prepared: false });
});

test("passes act on the fresh weights that a run with this seed starts from", async () => {
  const graph = await readModel(MODEL);
  const run = config({ seed: 3, passes: [{ pass: "fold-batch-norm" }] });
  const { graph: prepared, prepared: isPrepared } = await preparedModel(graph, run, context);
  expect(isPrepared).toBe(true);
  expect(prepared.nodes.filter((node) => node.opType === "BatchNormalization")).toEqual([]);
  // A fresh BatchNorm has mean 0 and variance 1, so the fold divides by √(1 + ε).
  const fresh = withFreshWeights(graph, { ...DEFAULT_TRAINING_CONFIG, seed: 3 });
  const weight = "conv1.weight";
  const expected = values(fresh.initializers.get(weight)).map((each) => each / Math.sqrt(1 + 1e-5));
  const folded = values(prepared.initializers.get(weight));
  for (const [index, value] of folded.entries()) expect(value).toBeCloseTo(expected[index] ?? 0, 6);
  expect(values(graph.initializers.get(weight))).not.toEqual(
    values(fresh.initializers.get(weight)),
  );
});

test("with kept weights the passes act on the file's", async () => {
  const graph = await readModel(MODEL);
  const run = config({ weights: "keep", passes: [{ pass: "batch-norm-to-affine" }] });
  const { graph: prepared } = await preparedModel(graph, run, context);
  expect(values(prepared.initializers.get("conv1.weight"))).toEqual(
    values(graph.initializers.get("conv1.weight")),
  );
});

test("a pass that finds no place is refused before anything runs", async () => {
  const graph = await readModel(join(SAMPLES, "digits-mlp.onnx"));
  const run = config({ passes: [{ pass: "fold-batch-norm" }] });
  await expect(preparedModel(graph, run, context)).rejects.toThrow(
    "passes: fold-batch-norm changes nothing. The model has no place for it.",
  );
});

test.each([
  [[{ pass: "no-such-pass" }], "pass no-such-pass does not exist"],
  [[{ pass: "fold-batch-norm", options: { strength: 1 } }], "there is no option strength"],
])("%j is refused in one sentence", async (passes, sentence) => {
  const graph = await readModel(MODEL);
  await expect(preparedModel(graph, config({ passes }), context)).rejects.toThrow(sentence);
});
