import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { checkConfig, mergeConfig, readTrainingConfig } from "../../../src/training/config.ts";
import { temporaryFolder } from "./run-training.ts";

const merge = (part: unknown) => mergeConfig(DEFAULT_TRAINING_CONFIG, part);

describe("a configuration", () => {
  it("takes what it does not say from the defaults", () => {
    expect(merge({})).toEqual(DEFAULT_TRAINING_CONFIG);
    const merged = merge({ batchSize: 8, optimizer: { kind: "sgd" }, l2: undefined });
    expect(merged).toEqual({
      ...DEFAULT_TRAINING_CONFIG,
      batchSize: 8,
      optimizer: { ...DEFAULT_TRAINING_CONFIG.optimizer, kind: "sgd" },
    });
  });

  it("turns the direction with the monitor", () => {
    const merged = merge({ earlyStopping: { monitor: "validationAccuracy" } });
    expect(merged.earlyStopping.direction).toBe("max");
  });

  it("lets the caller's options win over the file's", async () => {
    const path = join(await temporaryFolder(), "config.json");
    await writeFile(path, '{"seed": 3, "maxEpochs": 7}');
    const config = await readTrainingConfig(path, { seed: 4 });
    expect([config.seed, config.maxEpochs]).toEqual([4, 7]);
    await writeFile(path, "{");
    await expect(readTrainingConfig(path)).rejects.toThrow(`${path}: is not JSON`);
    await writeFile(path, '{"lr": 1}');
    await expect(readTrainingConfig(path)).rejects.toThrow(`${path}: lr: no such field`);
    await expect(readTrainingConfig(`${path}.not`)).rejects.toThrow("no such file");
  });

  it.each([
    [{ batchSize: 0 }, "batchSize: 0 is not allowed; a whole number from 1 to 1048576 is"],
    [{ batchSize: "8" }, 'batchSize: "8" is not allowed'],
    [{ seed: Number.NaN }, "seed: NaN is not allowed; a whole number from 0 to 4294967295 is"],
    [
      { loss: "hinge" },
      'loss: "hinge" is not allowed; "cross-entropy" or "binary-cross-entropy" or',
    ],
    [
      { optimizer: { kind: "sgd", nesterov: true, momentum: 0 } },
      "optimizer.nesterov: true looks ahead along the momentum, which is 0",
    ],
    [
      { schedule: { kind: "cosine", minimum: 0.1 } },
      "schedule.minimum: 0.1 is above optimizer.learningRate 0.001",
    ],
    [
      { loss: "huber", lossOptions: { labelSmoothing: 0.1 } },
      'lossOptions.labelSmoothing: 0.1 has no meaning with loss "huber"; 0 does',
    ],
    [
      { loss: "kl-divergence", lossOptions: { classWeights: "balanced" } },
      'lossOptions.classWeights: has no meaning with loss "kl-divergence"; "none" does',
    ],
    [
      { lossOptions: { classWeights: [1, 0] } },
      'lossOptions.classWeights: [1,0] is not allowed; "none", "balanced" or a list of numbers above 0 is',
    ],
    [{ optimizer: { learningRate: -1 } }, "optimizer.learningRate: -1 is not allowed"],
    [{ optimizer: "adam" }, 'optimizer: "adam" is not an object with fields'],
    [{ optimizer: { lr: 1 } }, "optimizer.lr: no such field; there are optimizer.kind, "],
    [{ earlyStopping: { patience: 1.5 } }, "earlyStopping.patience: 1.5 is not allowed"],
    [
      { statistics: { values: "all" } },
      'statistics.values: "all" is not allowed; "auto" or a list',
    ],
    [{ split: { train: 0.9 } }, "split: train + validation + test is 1.3"],
    [
      { earlyStopping: { monitor: "validationAccuracy", direction: "min" } },
      'earlyStopping.direction: "min" does not suit validationAccuracy; "max" does',
    ],
    [
      { loss: "mean-squared-error", earlyStopping: { monitor: "validationAccuracy" } },
      'earlyStopping.monitor: "validationAccuracy" does not exist with loss "mean-squared-error"',
    ],
    [
      { earlyStopping: { rule: "lightning", baseline: 0.5 } },
      'earlyStopping.baseline: 0.5 has no meaning with rule "lightning"; leave it out',
    ],
    [
      { earlyStopping: { rule: "tfjs", startFrom: 3 } },
      'earlyStopping.startFrom: 3 has no meaning with rule "tfjs"; leave it out',
    ],
    [
      { earlyStopping: { rule: "sklearn-mlp", patience: 0 } },
      'earlyStopping.patience: 0 is not allowed with rule "sklearn-mlp"; a whole number from 1 is',
    ],
    [[], "config: [] is not an object with fields"],
  ])("refuses %j", (part, message) => {
    expect(() => merge(part)).toThrow(message);
  });

  it("is checked by the same rules when it comes whole", () => {
    const { l2: _, ...rest } = DEFAULT_TRAINING_CONFIG;
    expect(() => checkConfig({ ...rest, l2: -1 })).toThrow("l2: -1 is not allowed");
  });
});
