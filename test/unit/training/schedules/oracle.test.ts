import { describe, expect, it } from "vitest";
import { DEFAULT_TRAINING_CONFIG } from "../../../../src/protocol/default-training-config.ts";
import type { ScheduleConfig } from "../../../../src/protocol/training.ts";
import { LearningRate } from "../../../../src/training/schedules/learning-rate.ts";
import goldens from "../../../oracles/schedules.json" with { type: "json" };

type Golden = Omit<(typeof goldens.runs)[number], "schedule" | "metrics"> & {
  readonly schedule: Partial<ScheduleConfig>;
  readonly metrics: readonly (number | null)[] | null;
};

const { optimizer, earlyStopping, schedule } = DEFAULT_TRAINING_CONFIG;

function configOf(golden: Golden) {
  return {
    optimizer: { ...optimizer, learningRate: golden.learningRate },
    maxEpochs: golden.maxEpochs,
    earlyStopping: { ...earlyStopping, direction: golden.direction as "min" | "max" },
    schedule: { ...schedule, ...golden.schedule },
  };
}

describe("learning rates are PyTorch's", () => {
  for (const golden of goldens.runs as readonly Golden[]) {
    it(golden.name, () => {
      const config = configOf(golden);
      let learningRate = new LearningRate(config, golden.rates.length);
      for (const [update, expected] of golden.rates.entries()) {
        const epoch = Math.floor(update / golden.updatesPerEpoch);
        const rate = learningRate.at(epoch, update);
        // PyTorch multiplies from update to update, which rounds each time.
        expect(Math.abs(rate - expected)).toBeLessThan(1e-12 * golden.learningRate);
        if ((update + 1) % golden.updatesPerEpoch !== 0) continue;
        learningRate.measured(golden.metrics?.[epoch] ?? Number.NaN);
        // What is kept is all that is needed to go on.
        const kept = JSON.parse(JSON.stringify(learningRate.state));
        learningRate = new LearningRate(config, golden.rates.length, kept);
      }
    });
  }
});

it("one-cycle has a rate for runs that are too short to rise", () => {
  const config = {
    ...configOf(goldens.runs[0] as Golden),
    schedule: { ...schedule, kind: "one-cycle" as const },
  };
  for (const updates of [1, 2, 3, 4]) {
    const rates = Array.from({ length: updates }, (_, update) =>
      new LearningRate(config, updates).at(0, update),
    );
    for (const rate of rates) {
      expect(rate).toBeGreaterThan(0);
      expect(rate).toBeLessThanOrEqual(0.1);
    }
  }
});
