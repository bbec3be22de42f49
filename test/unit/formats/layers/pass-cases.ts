import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { expect } from "vitest";
import { openSampleRuns } from "../../../../src/engine/sample-runs.ts";
import { saveModel } from "../../../../src/formats/registry.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { checkedOptions } from "../../../../src/passes/options.ts";
import type { PassResult } from "../../../../src/passes/pass.ts";
import { findPass } from "../../../../src/passes/registry.ts";
import { context } from "../../../support/request-context.ts";

export interface PassCase {
  readonly pass: string;
  readonly options?: Readonly<Record<string, string | number | boolean>>;
  /** How many places the pass acts on. */
  readonly places?: number;
  /** Why the format has no place for the result. */
  readonly refused?: RegExp;
}

/**
 * Every pass, and each way of its that writes something else, on a chain of layers: a convolution, a
 * BatchNorm, ReLU, a convolution with its own ReLU, pooling, LayerNormalization, a dense layer with its
 * own tanh, Dropout and a dense layer.
 */
export const LAYER_CASES: readonly PassCase[] = [
  { pass: "fold-batch-norm", places: 1 },
  {
    pass: "batch-norm-to-affine",
    refused: /layer bn: its BatchNormalization became another operator/,
  },
  { pass: "switch-to-inference", places: 0 },
  { pass: "merge-normalization-affine", places: 1 },
  { pass: "drop-redundant-bias", places: 1 },
  { pass: "insert-whitening", refused: /stands for whitening, for which layers have no place/ },
  { pass: "insert-batch-norm", places: 2 },
  { pass: "insert-batch-norm", options: { place: "after" }, places: 2 },
  { pass: "insert-batch-norm", options: { mode: "fresh" }, places: 2 },
  { pass: "insert-batch-norm", options: { mode: "calibrated" }, places: 2 },
  { pass: "recalibrate-batch-norm", places: 1 },
  { pass: "insert-dropout", places: 2 },
  { pass: "strip-dropout", places: 1 },
  { pass: "switch-dropout-to-inference", places: 0 },
  { pass: "rescale-dropout", places: 1 },
  { pass: "insert-variational-dropout", refused: /stands for variational dropout/ },
  { pass: "prune-variational-dropout", places: 0 },
  { pass: "insert-mean-only-batch-norm", refused: /stands for mean only batch norm/ },
  { pass: "fold-mean-only-batch-norm", places: 0 },
  { pass: "apply-weight-norm", places: 4 },
  { pass: "remove-weight-norm", places: 0 },
  { pass: "project-max-norm", options: { limit: 0.1 }, places: 4 },
  { pass: "project-max-norm", options: { limit: 0.1, constraint: true }, places: 4 },
  { pass: "prune-magnitude", places: 4 },
  { pass: "prune-magnitude", options: { structure: "channels", scope: "layer" }, places: 2 },
];

/** What a format says that has no place for a change. */
const WAY_OUT = /; write it as \.onnx \(-o NAME\.onnx or normlens convert\)$/;

const samples = openSampleRuns("digits", context);

/** What the pass makes of a model of 8×8 images; measured on the digits where it can be. */
export async function applied(graph: Graph, { pass: id, options }: PassCase): Promise<PassResult> {
  const pass = findPass(id);
  const checked = checkedOptions(pass, { ...options });
  return pass.applyOnData
    ? pass.applyOnData(graph, undefined, checked, await samples)
    : pass.apply(graph, undefined, checked);
}

/** Saving is refused in the case's words and with the way out, and leaves nothing. */
export async function expectRefused(
  { graph, applied: places }: PassResult,
  refused: RegExp,
  target: string,
): Promise<void> {
  expect(places.length).toBeGreaterThan(0);
  await expect(saveModel(graph, target)).rejects.toThrow(refused);
  await expect(saveModel(graph, target)).rejects.toThrow(WAY_OUT);
  expect(await readdir(dirname(target))).toEqual([]);
}
