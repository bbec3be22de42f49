import { describe, expect, it } from "vitest";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { fromJsonNumber, type JsonNumber, jsonNumber } from "../../../src/protocol/reports.ts";
import type { EarlyStoppingConfig } from "../../../src/protocol/training.ts";
import { checkEpoch, startEarlyStopping } from "../../../src/training/early-stopping.ts";
import {
  EARLY_STOPPING_PRESETS,
  type RuleName,
  type RuleOptions,
} from "../../../src/training/early-stopping-presets.ts";
import goldens from "../../oracles/early_stopping.json" with { type: "json" };

interface Golden {
  rule: RuleName;
  sequence: string;
  options: RuleOptions;
  values: JsonNumber[];
  epochsRun: number;
  stopped: boolean;
  bestEpoch: number | null;
  bestValue: JsonNumber | null;
  restoredEpoch: number | null;
  reason: string | null;
}

describe("presets stop where the frameworks stop", () => {
  for (const golden of goldens as unknown as Golden[]) {
    it(`${golden.rule} ${golden.sequence} ${JSON.stringify(golden.options)}`, () => {
      const rule = EARLY_STOPPING_PRESETS[golden.rule](golden.options);
      let epochsRun = 0;
      let reason: string | undefined;
      for (const [epoch, value] of golden.values.entries()) {
        reason = rule.check(epoch, fromJsonNumber(value));
        epochsRun = epoch + 1;
        if (reason !== undefined) break;
      }
      const { bestEpoch, bestMetric, restoredEpoch } = rule;
      expect({
        epochsRun,
        stopped: reason !== undefined,
        bestEpoch: bestEpoch ?? null,
        bestValue: bestEpoch === undefined ? null : jsonNumber(bestMetric),
        restoredEpoch: restoredEpoch ?? null,
        reason: reason ?? null,
      }).toEqual({
        epochsRun: golden.epochsRun,
        stopped: golden.stopped,
        bestEpoch: golden.bestEpoch,
        bestValue: golden.bestValue,
        restoredEpoch: golden.restoredEpoch,
        reason: golden.reason,
      });
    });
  }
});

function run(metrics: readonly number[], changes: Partial<EarlyStoppingConfig>) {
  const config = { ...DEFAULT_TRAINING_CONFIG.earlyStopping, patience: 3, ...changes };
  let state = startEarlyStopping(config);
  const kept: number[] = [];
  for (const [index, metric] of metrics.entries()) {
    const verdict = checkEpoch(state, config, index + 1, metric);
    state = verdict.state;
    if (verdict.best) kept.push(index + 1);
    if (verdict.stop !== undefined) {
      return { epochs: index + 1, stop: verdict.stop, best: state.bestEpoch, kept };
    }
  }
  return { epochs: metrics.length, stop: undefined, best: state.bestEpoch, kept };
}

describe("our rule", () => {
  const constant = [1, 1, 1, 1, 1, 1, 1];

  it("runs four epochs on a constant metric with patience 3", () => {
    expect(run(constant, {})).toMatchObject({ epochs: 4, stop: "earlyStopping", best: 1 });
    expect(run(constant, { enabled: false })).toMatchObject({ epochs: 7, stop: undefined });
  });

  it("keeps the best outright, though gains within minDelta do not save it", () => {
    expect(run([1, 0.95, 0.93, 0.92, 0.5], { minDelta: 0.1 })).toEqual({
      epochs: 4,
      stop: "earlyStopping",
      best: 4,
      kept: [1, 2, 3, 4],
    });
  });

  it("gives up when the baseline is never beaten, and keeps the best nevertheless", () => {
    expect(run([5, 4, 3, 2], { baseline: 1 })).toMatchObject({ epochs: 3, best: 3 });
    expect(run([5, 0.5, 3, 2, 2], { baseline: 1 })).toMatchObject({ epochs: 5, best: 2 });
  });

  it("does not check before startFrom", () => {
    expect(run([0, 9, 9, 9, 9, 9, 9, 9], { startFrom: 4 })).toMatchObject({
      epochs: 7,
      best: 4,
      kept: [1, 2, 3, 4],
    });
  });

  it("stops as soon as a threshold is reached, in either direction", () => {
    expect(run([3, 2, 1], { stoppingThreshold: 2 })).toMatchObject({
      epochs: 2,
      stop: "stoppingThreshold",
      best: 2,
    });
    expect(run([0.5, 0.9], { direction: "max", stoppingThreshold: 0.9 })).toMatchObject({
      epochs: 2,
      stop: "stoppingThreshold",
    });
    expect(run([3, 4, 1], { divergenceThreshold: 3.5 })).toMatchObject({
      epochs: 2,
      stop: "diverged",
      best: 1,
    });
  });

  it("stops on NaN and infinity unless told not to; then they are no improvement", () => {
    expect(run([1, Number.NaN, 0.5], {})).toMatchObject({ epochs: 2, stop: "diverged", best: 1 });
    expect(run([Number.NaN, 1, Number.POSITIVE_INFINITY, 0.5], { checkFinite: false })).toEqual({
      epochs: 4,
      stop: undefined,
      best: 4,
      kept: [2, 4],
    });
  });
});
