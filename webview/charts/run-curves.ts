import { fromJsonNumber, type JsonNumber, jsonNumber } from "../../src/protocol/reports.ts";
import { counted, decimal } from "../elements/format.ts";
import { bestEpoch, type EpochEvent, type RunState } from "../train/run-state.ts";
import type { Annotation, LineModel, LinePoint, LineSeries } from "./model.ts";
import { smooth } from "./smoothing.ts";

/** Loss and accuracy over the epochs: training dashed, validation solid. */

interface CurveOptions {
  readonly logarithmic: boolean;
  /** 0 leaves the curve as measured; towards 1 it gets calmer. */
  readonly smoothing: number;
}

type Metric = (epoch: EpochEvent) => JsonNumber | undefined;

export function lossCurves(run: RunState, options: CurveOptions): LineModel {
  return curves(
    run,
    "Loss",
    options,
    (epoch) => epoch.trainLoss,
    (epoch) => epoch.validationLoss,
    penalizedLoss,
  );
}

/** What training minimizes, where that is more than the loss of the data. */
function penalizedLoss({ trainLoss, penalty }: EpochEvent): JsonNumber | undefined {
  return penalty === undefined
    ? undefined
    : jsonNumber(fromJsonNumber(trainLoss) + fromJsonNumber(penalty));
}

export function accuracyCurves(run: RunState, options: CurveOptions): LineModel {
  return curves(
    run,
    "Accuracy",
    { ...options, logarithmic: false },
    (epoch) => epoch.trainAccuracy,
    (epoch) => epoch.validationAccuracy,
  );
}

function curves(
  run: RunState,
  title: string,
  options: CurveOptions,
  training: Metric,
  validation: Metric,
  objective: Metric = () => undefined,
): LineModel {
  const measured = [
    {
      id: "training",
      name: "Training",
      color: "yellow",
      dashed: true,
      marker: "triangle",
      points: points(run, training),
    },
    {
      id: "validation",
      name: "Validation",
      color: "blue",
      dashed: false,
      marker: "circle",
      points: points(run, validation),
    },
    {
      id: "objective",
      name: "Training and penalty",
      color: "purple",
      dashed: true,
      marker: "none",
      points: points(run, objective),
    },
  ] as const satisfies readonly LineSeries[];
  const shown: LineSeries[] = measured.map((series) => ({
    ...series,
    points: smooth(series.points, options.smoothing),
  }));
  const behind: LineSeries[] =
    options.smoothing > 0
      ? measured.map((series) => ({
          ...series,
          id: `${series.id}-measured`,
          faint: true,
          marker: "none",
        }))
      : [];
  const validationShown = shown[1]?.points ?? [];
  return {
    title,
    description: describe(run, title, measured[0].points, measured[1].points),
    xName: "Epoch",
    yName: title,
    series: [...shown, ...behind].filter((series) => series.points.length > 0),
    annotations: annotations(run, validationShown),
    logarithmic: options.logarithmic,
    xRange: [1, Math.max(run.stop === undefined ? 10 : 2, run.epochs.length)],
  };
}

function points(run: RunState, metric: Metric): readonly LinePoint[] {
  return run.epochs.flatMap((epoch) => {
    const value = metric(epoch);
    return value === undefined ? [] : [{ x: epoch.epoch, y: fromJsonNumber(value) }];
  });
}

function annotations(run: RunState, validation: readonly LinePoint[]): readonly Annotation[] {
  const found: Annotation[] = [];
  const best = bestEpoch(run);
  const y = validation.find((point) => point.x === best)?.y;
  if (best !== undefined && y !== undefined && Number.isFinite(y)) {
    found.push({ x: best, y, label: `best ${best}`, color: "green" });
  }
  if (run.stop !== undefined && run.stop.reason !== "maxEpochs") {
    const patience = run.start?.config.earlyStopping.patience;
    const why = {
      earlyStopping: patience === undefined ? "" : ` (patience ${patience})`,
      stoppingThreshold: " (threshold reached)",
      diverged: " (diverged)",
      cancelled: " (stopped by hand)",
    }[run.stop.reason];
    found.push({ x: run.stop.epochs, label: `stop ${run.stop.epochs}${why}`, color: "red" });
  }
  return found;
}

function describe(
  run: RunState,
  title: string,
  training: readonly LinePoint[],
  validation: readonly LinePoint[],
): string {
  const range = (points: readonly LinePoint[]) => {
    const finite = points.filter((point) => Number.isFinite(point.y));
    const [first, last] = [finite[0], finite.at(-1)];
    return first && last ? `from ${decimal(first.y, 3)} to ${decimal(last.y, 3)}` : "not finite";
  };
  if (validation.length === 0) return `${title}: no epoch has ended yet.`;
  const gaps = [...training, ...validation].filter((point) => !Number.isFinite(point.y)).length;
  const best = bestEpoch(run);
  return [
    `${title} over ${counted(run.epochs.length, "epoch")}: `,
    `training ${range(training)}, validation ${range(validation)}`,
    best === undefined ? "" : `; best at epoch ${best}`,
    run.stop === undefined ? "" : `; stopped after epoch ${run.stop.epochs}`,
    gaps === 0 ? "" : `; ${counted(gaps, "value")} not finite`,
    ".",
  ].join("");
}
