import { expect, test } from "vitest";
import type { TrainingEvent } from "../../../src/protocol/training.ts";
import {
  activationRidge,
  unitSentence,
  watchedValues,
} from "../../../webview/charts/activation-ridge.ts";
import { decimate } from "../../../webview/charts/decimate.ts";
import { gradientNorms, updateRatios } from "../../../webview/charts/detail-curves.ts";
import { accuracyCurves, lossCurves } from "../../../webview/charts/run-curves.ts";
import { shiftBand } from "../../../webview/charts/shift-band.ts";
import { smooth } from "../../../webview/charts/smoothing.ts";
import {
  csv,
  histogramTable,
  lineTable,
  ridgeTable,
  tabSeparated,
} from "../../../webview/charts/tables.ts";
import { valueHistogram } from "../../../webview/charts/value-histogram.ts";
import { applyEvents, NO_RUN } from "../../../webview/train/run-state.ts";
import { statistics } from "../../pages/fixtures/model-view.ts";
import { trainingRun } from "../../pages/fixtures/training-run.ts";

const plain = { logarithmic: false, smoothing: 0 };
const finished = applyEvents(NO_RUN, trainingRun(27, "earlyStopping"));
const diverged = applyEvents(NO_RUN, trainingRun(8, "diverged"));

test("curves hold a point an epoch, with best and stop on the line itself", () => {
  const model = lossCurves(finished, plain);
  expect(model.series.map((series) => [series.name, series.points.length, series.dashed])).toEqual([
    ["Training", 27, true],
    ["Validation", 27, false],
  ]);
  const validation = model.series[1]?.points.find((point) => point.x === 17)?.y;
  expect(model.annotations).toEqual([
    { x: 17, y: validation, label: "best 17", color: "green" },
    { x: 27, label: "stop 27 (patience 10)", color: "red" },
  ]);
  expect(model.description).toMatch(
    /^Loss over 27 epochs: training from .* best at epoch 17; stopped after epoch 27\.$/,
  );
});

test("NaN stays a gap, smoothed or not, and is told", () => {
  for (const smoothing of [0, 0.6]) {
    const model = lossCurves(diverged, { logarithmic: true, smoothing });
    expect(model.series[1]?.points.at(-1)).toEqual({ x: 8, y: Number.NaN });
    expect(model.description).toContain("2 values not finite");
  }
});

test("smoothing keeps the measured curve behind", () => {
  const model = accuracyCurves(finished, { logarithmic: true, smoothing: 0.5 });
  expect(model.series.map((series) => series.faint === true)).toEqual([false, false, true, true]);
  expect(model.logarithmic).toBe(false);
  expect(lineTable(model).columns).toEqual(["Epoch", "Training", "Validation"]);
});

test("no run has empty curves and says so", () => {
  const model = lossCurves(NO_RUN, plain);
  expect(model.series).toEqual([]);
  expect(model.description).toBe("Loss: no epoch has ended yet.");
});

test("an average over a constant is the constant, from the first point on", () => {
  const points = [1, 2, 3].map((x) => ({ x, y: 5 }));
  for (const { y } of smooth(points, 0.9)) expect(y).toBeCloseTo(5, 12);
  const gap = [...points.slice(0, 2), { x: 3, y: Number.NaN }, { x: 4, y: 5 }];
  expect(smooth(gap, 0.9).map((point) => Number.isNaN(point.y))).toEqual([
    false,
    false,
    true,
    false,
  ]);
});

test("thinning keeps the ends, the spike and real points only", () => {
  const points = Array.from({ length: 10_000 }, (_, x) => ({
    x,
    y: x === 4321 ? 1000 : Math.sin(x),
  }));
  const kept = decimate(points, 500, (point) => point.y);
  expect(kept.length).toBeLessThanOrEqual(500);
  expect(kept[0]).toBe(points[0]);
  expect(kept.at(-1)).toBe(points.at(-1));
  expect(kept).toContain(points[4321]);
  expect(kept.every((point) => points.includes(point))).toBe(true);
  expect(decimate(points.slice(0, 100), 500, (point) => point.y)).toHaveLength(100);
});

test("the ridge shares one set of edges, and every line's mass is one", () => {
  const model = activationRidge(finished, "relu2");
  expect(model.rows).toHaveLength(27);
  for (const row of model.rows) {
    const mass = row.shares.reduce((sum, share) => sum + share, row.below + row.above);
    expect(mass).toBeCloseTo(1, 9);
  }
  expect(model.peak).toBeGreaterThan(0);
  expect(watchedValues(finished)).toEqual(["relu1", "relu2", "relu3"]);
  expect(ridgeTable(model).rows).toHaveLength(27);
  expect(activationRidge(finished, "unknown").rows).toEqual([]);
});

test("units are told in words", () => {
  const last = finished.epochs.at(-1)?.activations?.[0];
  expect(last && unitSentence(last)).toBe(
    "NaN 0 · zero 38 % · dead units 3/64 · outside the edges 2.47 %",
  );
});

test("the shift band fills between its percentiles", () => {
  const model = shiftBand(finished, "relu1");
  expect(model.series.map((series) => [series.id, series.fillTo])).toEqual([
    ["p85", "p15"],
    ["p50", undefined],
    ["p15", undefined],
  ]);
  expect(model.series[0]?.points).toHaveLength(27 * 34);
  expect(model.description).toContain("the median moved from");
  expect(shiftBand(NO_RUN, "relu1").series[0]?.points).toEqual([]);
});

test("a histogram tells what lies outside its edges", () => {
  const model = valueHistogram("gamma", { ...statistics("gamma"), nan: 2 });
  expect(model.description).toContain("2 NaN, 18 above");
  expect(histogramTable(model).rows.at(-1)).toEqual([1.5, Number.POSITIVE_INFINITY, 18]);
});

test("tables become CSV and cells", () => {
  const table = { columns: ["a", 'b "c", d'], rows: [[1, "x\ty"]] };
  expect(csv(table)).toBe('a,"b ""c"", d"\r\n1,x\ty\r\n');
  expect(tabSeparated(table)).toBe('a\tb "c", d\n1\tx y');
});

test("gradients are a line a weight and one for all, at the same steps", () => {
  const norms = gradientNorms(finished);
  expect(norms.logarithmic).toBe(true);
  expect(norms.series.map(({ name }) => name)).toEqual([
    "All together",
    "conv1.weight",
    "conv2.weight",
    "conv3.weight",
    "fc.weight",
  ]);
  const steps = norms.series.map(({ points }) => points.map(({ x }) => x));
  // 27 epochs of 34 steps, of which each tenth is measured.
  expect(steps[0]).toHaveLength(92);
  expect(new Set(steps.map(String)).size).toBe(1);
  const [all, ...weights] = norms.series.map(({ points }) => points[5]?.y ?? Number.NaN);
  expect(all).toBeCloseTo(Math.hypot(...weights), 12);
  expect(norms.description).toContain("Gradient norm over 92 measured steps: all together from");
  expect(norms.description).toContain("fc.weight from");
  expect(gradientNorms(NO_RUN).series).toEqual([]);
});

test("update ratios have the usual one as a dashed line", () => {
  const ratios = updateRatios(finished);
  const guide = ratios.series.at(-1);
  expect(guide?.dashed).toBe(true);
  expect(guide?.points).toHaveLength(92);
  expect(new Set(guide?.points.map(({ y }) => y))).toEqual(new Set([1e-3]));
  const told = finished.details[3]?.weights.get("fc.weight")?.updateRatio;
  expect(ratios.series[3]?.points[3]).toEqual({ x: 31, y: told });
  expect(told).toBeGreaterThan(1e-4);
  expect(ratios.description).toContain("A dashed line marks the usual 10⁻³.");
  expect(updateRatios(NO_RUN).series).toEqual([]);
});

test("ten lines differ in colour or dash, and the longest run in no more points than are drawn", () => {
  const names = Array.from({ length: 10 }, (_, layer) => `layer${layer}`);
  const steps = Array.from({ length: 5000 }, (_, index): TrainingEvent => {
    const gradients = names.map((name) => ({ name, norm: 1, updateRatio: "NaN" as const }));
    return { event: "step", step: index + 1, epoch: 1, loss: 1, gradientNorm: 3, gradients };
  });
  const run = applyEvents(NO_RUN, steps);
  const { series } = gradientNorms(run);
  expect(new Set(series.map(({ color, dashed }) => `${color} ${dashed}`)).size).toBe(11);
  expect(series[0]?.points.length).toBeLessThanOrEqual(600);
  expect(updateRatios(run).series[0]?.points[0]?.y).toBeNaN();
});
