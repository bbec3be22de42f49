import { expect, it } from "vitest";
import {
  activationStatistics,
  countDeadUnits,
} from "../../../src/statistics/activation-statistics.ts";

const shape = [2, 3, 2];

it("counts a channel as dead when it is zero for every sample and position", () => {
  const values = Float32Array.of(0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2);
  expect(countDeadUnits({ name: "v", shape, values, deadWhen: "zero" })).toBe(1);
});

it("counts a channel before a ReLU as dead when nothing of it passes, NaN excepted", () => {
  const values = Float32Array.of(-1, 0, 1, -1, Number.NaN, -1, -1, -2, -1, -1, -1, -1);
  const report = activationStatistics({ name: "v", shape, values, deadWhen: "not-positive" });
  expect([report.deadUnits, report.units, report.nan]).toEqual([1, 3, 1]);
});
