import { join } from "node:path";
import { expect, test } from "vitest";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { PASSES } from "../../../../src/passes/registry.ts";
import { applied, expectRefused, type PassCase } from "../layers/pass-cases.ts";
import { randomInput, relativeDifference, runGraph, scratchFolder } from "../tfjs/tfjs-models.ts";
import { flag, float, GraphFile, ints, runInTensorFlow, text } from "./graph-file.ts";

/** As in write.test.ts. */
const TOLERANCE = 1e-5;

const WINDOW = { strides: ints(1, 1, 1, 1), dilations: ints(1, 1, 1, 1), padding: text("VALID") };

const DENSE = /BatchNormalization dense_a_norm does not normalize the channels of an image/;

/** As the table of layers, for operations of a graph. */
const CASES: readonly PassCase[] = [
  { pass: "fold-batch-norm", places: 1 },
  { pass: "batch-norm-to-affine", places: 1 },
  { pass: "switch-to-inference", places: 0 },
  { pass: "merge-normalization-affine", places: 0 },
  { pass: "drop-redundant-bias", places: 0 },
  { pass: "insert-whitening", refused: /stands for whitening, for which graph models of/ },
  { pass: "insert-batch-norm", refused: DENSE },
  { pass: "recalibrate-batch-norm", places: 1 },
  { pass: "insert-dropout", refused: /the new Dropout relu_dropout is no operator/ },
  { pass: "strip-dropout", places: 0 },
  { pass: "switch-dropout-to-inference", places: 0 },
  { pass: "rescale-dropout", places: 0 },
  { pass: "insert-variational-dropout", refused: /stands for variational dropout/ },
  { pass: "prune-variational-dropout", places: 0 },
  { pass: "insert-mean-only-batch-norm", refused: /stands for mean only batch norm/ },
  { pass: "fold-mean-only-batch-norm", places: 0 },
  { pass: "apply-weight-norm", places: 4 },
  { pass: "remove-weight-norm", places: 0 },
  { pass: "project-max-norm", options: { limit: 0.1 }, places: 4 },
  {
    pass: "project-max-norm",
    options: { limit: 0.1, constraint: true },
    refused: /the constraint of .* has no counterpart in it/,
  },
  { pass: "prune-magnitude", places: 4 },
  { pass: "prune-magnitude", options: { structure: "channels", scope: "layer" }, places: 3 },
];

/** What the converter makes of a convolution with BatchNorm, one with a bias, and two dense layers. */
function network(): GraphFile {
  const file = new GraphFile();
  const x = file.input("x", [-1, 8, 8, 1]);
  const a = file.node("conv_a", "Conv2D", [x, file.weight("conv_a/filter", [3, 3, 1, 4])], WINDOW);
  const statistics = ["gamma", "beta", "mean", "variance"].map((name, position) =>
    file.weight(`bn/${name}`, [4], position % 3 === 0 ? 0.5 : -0.5),
  );
  const norm = file.node("bn", "FusedBatchNormV3", [a, ...statistics], {
    epsilon: float(0.001),
    is_training: flag(false),
    data_format: text("NHWC"),
  });
  const relu = file.node("relu", "Relu", [norm]);
  const b = file.node("conv_b", "Conv2D", [relu, file.weight("f", [3, 3, 4, 6])], WINDOW);
  const biased = file.node("bias_b", "BiasAdd", [b, file.weight("bias", [6])]);
  const hidden = file.node("relu_b", "Relu", [biased]);
  const pooled = file.node("pool", "Mean", [hidden, file.list("axes", [1, 2])]);
  const dense = file.node("dense_a", "MatMul", [pooled, file.weight("kernel_a", [6, 8])]);
  const sum = file.node("sum_a", "BiasAdd", [dense, file.weight("bias_a", [8])]);
  const tanh = file.node("tanh", "Tanh", [sum]);
  file.node("y", "MatMul", [tanh, file.weight("kernel_b", [8, 10])]);
  return file;
}

test("every pass is in the table", () => {
  expect(CASES.map(({ pass }) => pass)).toEqual(expect.arrayContaining(PASSES.map(({ id }) => id)));
});

test.each(CASES)("$pass $options on a graph model", async (each) => {
  const file = await network().save(["y"]);
  const result = await applied(await readModel(file), each);
  const { graph, applied: places } = result;
  const target = join(await scratchFolder(), "model.json");
  if (each.refused !== undefined) {
    return expectRefused(result, each.refused, target);
  }
  expect(places).toHaveLength(each.places ?? -1);
  await saveModel(graph, target);
  const x = randomInput([3, 8, 8, 1]);
  const found = await runInTensorFlow(target, { x }, ["y"]);
  expect(relativeDifference(found, await runGraph(graph, [x]))).toBeLessThan(TOLERANCE);
});
