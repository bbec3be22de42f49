/**
 * What is compared: each technique as a part of a run's options, on the lecture's network
 * (media/samples/digits-mlp.onnx: three hidden layers of 100 units). Everything else is the same.
 */

const freshBatchNorm = { pass: "insert-batch-norm", options: { mode: "fresh" } };
const meanOnly = { pass: "insert-mean-only-batch-norm" };
const weightNorm = { pass: "apply-weight-norm", options: { start: "data-dependent" } };

/** By name: the options of the run, and the name of its picture in docs/techniques, where it has one. */
export const techniques = {
  none: { options: {}, picture: "no-regularization" },
  "batch normalization": {
    options: { passes: [freshBatchNorm] },
    picture: "batch-normalization",
  },
  "weight normalization": {
    options: { passes: [weightNorm] },
    picture: "weight-normalization",
  },
  "mean-only BatchNorm": {
    options: { passes: [meanOnly] },
    picture: "mean-only-batch-normalization",
  },
  "weight norm + mean-only BatchNorm": {
    options: { passes: [weightNorm, meanOnly] },
  },
  "dropout 0.5": {
    options: { passes: [{ pass: "insert-dropout", options: { rate: 0.5 } }] },
    picture: "dropout",
  },
  "variational dropout": {
    options: { passes: [{ pass: "insert-variational-dropout" }] },
    picture: "variational-dropout",
  },
  "L2 1e-3": { options: { l2: 1e-3 }, picture: "l2" },
  "max-norm 2": { options: { maxNorm: { limit: 2 } }, picture: "max-norm" },
  whitening: {
    options: { passes: [{ pass: "insert-whitening", options: { mode: "keep" } }] },
    picture: "whitening",
  },
};
