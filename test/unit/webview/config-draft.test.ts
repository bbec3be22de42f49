import { describe, expect, test } from "vitest";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { checkDraft, draftOf } from "../../../webview/train/config-draft.ts";
import type { Draft } from "../../../webview/train/setup-fields.ts";

const draft = draftOf(DEFAULT_TRAINING_CONFIG);
const check = (part: Partial<Draft>) => checkDraft({ ...draft, ...part }, DEFAULT_TRAINING_CONFIG);

test("the default configuration comes back from its own texts", () => {
  expect(check({})).toEqual({ ok: true, config: DEFAULT_TRAINING_CONFIG });
});

test("every option comes back", () => {
  const config = {
    ...DEFAULT_TRAINING_CONFIG,
    data: "/data/iris.csv",
    dataOptions: {
      ...DEFAULT_TRAINING_CONFIG.dataOptions,
      labelColumn: "species",
      header: "yes" as const,
      separator: ";" as const,
    },
    split: { train: 0.7, validation: 0.15, test: 0.15 },
    optimizer: { ...DEFAULT_TRAINING_CONFIG.optimizer, kind: "sgd" as const, momentum: 0.5 },
    earlyStopping: {
      ...DEFAULT_TRAINING_CONFIG.earlyStopping,
      monitor: "validationAccuracy" as const,
      direction: "max" as const,
      rule: "keras" as const,
      baseline: 0.3,
    },
    statistics: { values: ["relu1", "relu2"], everySteps: 5, detailsEverySteps: 20, bins: 50 },
    lossOptions: { labelSmoothing: 0.1, classWeights: [1, 2.5, 3], huberDelta: 2 },
    decayedParameters: "all" as const,
    frozen: { names: ["features.*", "bn1"], updateStatistics: true },
    gradientClipping: { norm: 1, value: 0.5 },
    accumulateBatches: 4,
    labelNoise: 0.1,
    schedule: {
      ...DEFAULT_TRAINING_CONFIG.schedule,
      kind: "plateau" as const,
      patience: 3,
      minimum: 1e-6,
      warmUpEpochs: 2,
    },
    l1: 0.01,
    maxNorm: { limit: 3 },
    intoModel: { constraints: true, regularizers: true, inputScaling: true },
    variationalDropout: { klWeight: 0.5, warmUpEpochs: 4 },
    passes: [{ pass: "insert-dropout", options: { rate: 0.25 } }],
  };
  expect(checkDraft(draftOf(config), config)).toEqual({ ok: true, config });
});

test("every option of a folder comes back", () => {
  const config = {
    ...DEFAULT_TRAINING_CONFIG,
    data: "/data/flowers",
    inputScaling: "standardize" as const,
    dataOptions: {
      ...DEFAULT_TRAINING_CONFIG.dataOptions,
      height: 64,
      width: 48,
      channels: 3 as const,
      layout: "NHWC" as const,
      range: [-1, 1] as const,
      sampleRate: 16_000,
      seconds: 1.5,
    },
  };
  expect(checkDraft(draftOf(config), config)).toEqual({ ok: true, config });
});

describe("a wrong value is told at its field", () => {
  test.each([
    [{ batchSize: "0" }, "Must be 1 or more."],
    [{ data: "/data/flowers", white: "0" }, "Must differ from black."],
    [{ batchSize: "3.5" }, "Must be a whole number."],
    [{ batchSize: "" }, "A number is missing."],
    [{ learningRate: "0" }, "Must be larger than 0."],
    [{ learningRate: "0,001" }, "Write 0.001 with a point."],
    [{ learningRate: "fast" }, "“fast” is not a number."],
    [{ beta1: "1" }, "Must be smaller than 1."],
    [{ split: "60/20" }, "Three percentages, for example 60 / 20 / 20."],
    [{ split: "60/20/30" }, "Adds up to 110, not 100."],
    [{ split: "100/0/0" }, "Validation needs a share: early stopping and the curves use it."],
    [{ classWeights: "1, -2" }, "Write none, balanced, or numbers above 0 between commas."],
    [{ labelSmoothing: "1" }, "Must be smaller than 1."],
    [
      { optimizer: "sgd", nesterov: "true", momentum: "0" },
      "Looks ahead along the momentum, which must be above 0.",
    ],
    [{ schedule: "cosine", minimum: "0.1" }, "Must not be above the learning rate."],
    [{ stoppingRule: "sklearn-mlp", patience: "0" }, "scikit-learn's rules take 1 or more."],
    [{ data: " " }, "Choose a data set, or write digits."],
    [
      { loss: "mean-squared-error", monitor: "validationAccuracy" },
      "This loss has no accuracy; watch the loss.",
    ],
  ] as const)("%o", (part, sentence) => {
    const checked = check(part);
    expect(checked.ok).toBe(false);
    if (!checked.ok) expect(Object.values(checked.errors)).toEqual([sentence]);
  });
});

test("an option of early stopping that the chosen rule does not have is left out", () => {
  const { earlyStopping } = DEFAULT_TRAINING_CONFIG;
  const base = {
    ...DEFAULT_TRAINING_CONFIG,
    earlyStopping: { ...earlyStopping, baseline: 0.3, startFrom: 4, stoppingThreshold: 0.1 },
  };
  const stopping = (stoppingRule: string) => {
    const checked = checkDraft({ ...draftOf(base), stoppingRule }, base);
    return checked.ok ? checked.config.earlyStopping : checked.errors;
  };
  expect(stopping("keras")).toEqual({
    ...earlyStopping,
    rule: "keras",
    baseline: 0.3,
    startFrom: 4,
  });
  expect(stopping("lightning")).toEqual({
    ...earlyStopping,
    rule: "lightning",
    stoppingThreshold: 0.1,
  });
  expect(stopping("sklearn-sgd")).toEqual({ ...earlyStopping, rule: "sklearn-sgd" });
});

test("a field that is not shown is not checked and keeps its value", () => {
  const checked = check({ momentum: "nonsense", earlyStopping: "false", patience: "-1" });
  expect(checked.ok).toBe(true);
  if (!checked.ok) return;
  expect(checked.config.optimizer.momentum).toBe(0.9);
  expect(checked.config.earlyStopping).toMatchObject({ enabled: false, patience: 10 });
});
