import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { EARLY_STOPPING_RULES } from "../../../src/protocol/early-stopping-rules.ts";
import type { EarlyStoppingConfig } from "../../../src/protocol/training.ts";
import { checkEpoch, startEarlyStopping } from "../../../src/training/early-stopping.ts";
import {
  EARLY_STOPPING_PRESETS,
  type RuleName,
  type RuleOptions,
  type RuleState,
} from "../../../src/training/early-stopping-presets.ts";

/** As test/oracles/early_stopping_curves.py describes them. */
const file = new URL("../../oracles/early_stopping_curves.json.gz", import.meta.url);
const { curves } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as { curves: string[] };

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SPECIAL = new Map([
  ["!", Number.NaN],
  ["+", Number.POSITIVE_INFINITY],
  ["-", Number.NEGATIVE_INFINITY],
]);
const RULES: readonly RuleName[] = ["keras", "lightning", "tfjs", "sklearn-mlp", "sklearn-sgd"];
const REASONS = { patience: "p", threshold: "t", divergence: "d", "not-finite": "n" } as const;

function metricOf(code: string): number {
  return SPECIAL.get(code) ?? 1 + DIGITS.indexOf(code) / 8;
}

interface Case {
  readonly text: string;
  readonly values: readonly number[];
  readonly options: RuleOptions;
  /** By rule; undefined where the framework cannot be given the curve. */
  readonly expected: ReadonlyMap<RuleName, string | undefined>;
}

const CASES = curves.map((text): Case => {
  const [curve, minDelta, patience, mode, baseline, start, stopping, divergence, flags, results] =
    text.split(" ") as [string, string, string, "min" | "max", ...string[]];
  const optional = (name: string, code = ".") => (code === "." ? {} : { [name]: metricOf(code) });
  const expected = RULES.map((rule, index) => {
    const result = (results ?? "").slice(4 * index, 4 * index + 4);
    return [rule, result === "...." ? undefined : result] as const;
  });
  return {
    text,
    values: [...curve].map(metricOf),
    options: {
      mode,
      patience: DIGITS.indexOf(patience),
      minDelta: DIGITS.indexOf(minDelta) / 8,
      startFrom: DIGITS.indexOf(start ?? ""),
      restoreBest: flags?.[0] === "1",
      checkFinite: flags?.[1] === "1",
      ...optional("baseline", baseline),
      ...optional("stoppingThreshold", stopping),
      ...optional("divergenceThreshold", divergence),
    },
    expected: new Map(expected),
  };
});

/** scikit-learn takes no patience under 1. */
function optionsFor(rule: RuleName, { options }: Case): RuleOptions {
  const least = rule.startsWith("sklearn") ? 1 : 0;
  return { ...options, patience: Math.max(least, options.patience) };
}

const digit = (epoch: number | undefined) => (epoch === undefined ? "." : DIGITS[epoch]);

/** In the form of the goldens; the rule is made anew each epoch, as after a checkpoint. */
function followed(name: RuleName, values: readonly number[], options: RuleOptions): string {
  let state: RuleState | undefined;
  for (const [epoch, value] of values.entries()) {
    const rule = EARLY_STOPPING_PRESETS[name](options, state);
    const reason = rule.check(epoch, value);
    state = rule.state;
    if (reason === undefined && epoch < values.length - 1) continue;
    const why = reason === undefined ? "." : REASONS[reason];
    return `${DIGITS[epoch + 1]}${digit(rule.bestEpoch)}${digit(rule.restoredEpoch)}${why}`;
  }
  return "";
}

describe("on 10,000 random curves", () => {
  it("has what makes the rules differ", () => {
    expect(CASES).toHaveLength(10_000);
    const count = (holds: (golden: Case) => boolean) => CASES.filter(holds).length;
    expect(count(({ values }) => values.some(Number.isNaN))).toBeGreaterThan(1000);
    expect(count(({ values }) => values.includes(Number.POSITIVE_INFINITY))).toBeGreaterThan(500);
    expect(count(({ options }) => options.mode === "max")).toBeGreaterThan(4000);
    for (const rule of RULES) {
      const told = CASES.flatMap(({ expected }) => expected.get(rule) ?? []);
      expect(told.length).toBeGreaterThan(8000);
      expect(told.filter((result) => result.endsWith(".")).length).toBeGreaterThan(500);
      expect(told.filter((result) => result.endsWith("p")).length).toBeGreaterThan(2000);
    }
  });

  it.each(RULES)("%s stops, finds the best and restores as the framework does", (rule) => {
    const wrong = CASES.flatMap((golden) => {
      const expected = golden.expected.get(rule);
      const result = followed(rule, golden.values, optionsFor(rule, golden));
      return expected === undefined || result === expected ? [] : [{ ...golden, result }];
    });
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  it.each(RULES)("%s as the rule of a run stops at the same epoch with the same best", (rule) => {
    const wrong = CASES.flatMap((golden) => {
      const expected = golden.expected.get(rule);
      const { mode, startFrom = 0, restoreBest: _, ...options } = optionsFor(rule, golden);
      const config: EarlyStoppingConfig = {
        ...DEFAULT_TRAINING_CONFIG.earlyStopping,
        ...options,
        rule,
        direction: mode,
        startFrom: EARLY_STOPPING_RULES[rule].includes("startFrom") ? startFrom + 1 : 1,
        // Elsewhere that is another callback, such as Keras's TerminateOnNaN.
        checkFinite: rule === "lightning" && options.checkFinite === true,
      };
      let state = startEarlyStopping(config);
      let epochs = 0;
      let stopped = false;
      while (epochs < golden.values.length && !stopped) {
        epochs++;
        const verdict = checkEpoch(state, config, epochs, golden.values[epochs - 1] as number);
        state = verdict.state;
        stopped = verdict.stop !== undefined;
      }
      // An epoch before the first that is looked at is kept for want of a better one.
      const best = state.bestEpoch < config.startFrom ? "." : digit(state.bestEpoch - 1);
      const result = `${DIGITS[epochs]}${best}${stopped}`;
      const wanted = expected && `${expected[0]}${expected[1]}${expected[3] !== "."}`;
      return expected === undefined || result === wanted ? [] : [{ ...golden, result }];
    });
    expect(wrong.slice(0, 3)).toEqual([]);
  });
});
