/**
 * What is compared: each technique as a part of a run's options, on the lecture's network
 * (media/samples/digits-mlp.onnx: three hidden layers of 100 units). Everything else is the same.
 */

const freshBatchNorm = { pass: "insert-batch-norm", options: { mode: "fresh" } };
const meanOnly = { pass: "insert-mean-only-batch-norm" };
const weightNorm = { pass: "apply-weight-norm", options: { start: "data-dependent" } };

export const techniques = {
  none: {},
  "batch normalization": { passes: [freshBatchNorm] },
  "weight normalization": { passes: [weightNorm] },
  "mean-only BatchNorm": { passes: [meanOnly] },
  "weight norm + mean-only BatchNorm": {
    passes: [{ pass: "apply-weight-norm" }, meanOnly],
  },
  "dropout 0.5": { passes: [{ pass: "insert-dropout", options: { rate: 0.5 } }] },
  "variational dropout": { passes: [{ pass: "insert-variational-dropout" }] },
  "L2 1e-3": { l2: 1e-3 },
  "max-norm 3": { maxNorm: { limit: 3 } },
  whitening: { passes: [{ pass: "insert-whitening", options: { mode: "keep" } }] },
};
