import type { ActivationStatistics } from "../../src/protocol/training.ts";
import { count, counted, percent } from "../elements/format.ts";
import type { RunState } from "../train/run-state.ts";
import type { RidgeModel, RidgeRow } from "./model.ts";

/** Beyond this many lines they only cover one another; first, last and an even choice stay. */
const DRAWN_ROWS = 120;

/** Names of the values whose activations a run tells, in graph order. */
export function watchedValues(run: RunState): readonly string[] {
  const told = run.epochs.at(-1)?.activations?.map((each) => each.name) ?? [];
  return [...new Set([...(run.start?.watched ?? []), ...told])];
}

export function activationsAt(
  run: RunState,
  value: string,
  epoch: number,
): ActivationStatistics | undefined {
  return run.epochs
    .find((each) => each.epoch === epoch)
    ?.activations?.find((each) => each.name === value);
}

/** Edges are those of the first epoch: the engine keeps them for the whole run. */
export function activationRidge(run: RunState, value: string): RidgeModel {
  const told = run.epochs.flatMap((epoch) => {
    const statistics = epoch.activations?.find((each) => each.name === value);
    return statistics === undefined ? [] : [{ epoch: epoch.epoch, statistics }];
  });
  const edges = told[0]?.statistics.histogram.edges ?? [];
  const same = told.filter(({ statistics }) => sameEdges(edges, statistics.histogram.edges));
  const rows = same.map(({ epoch, statistics }) => rowOf(epoch, statistics));
  const peak = Math.max(0, ...rows.flatMap((row) => [...row.shares, row.below, row.above]));
  const last = same.at(-1);
  return {
    title: value,
    description:
      last === undefined
        ? `${value}: no epoch has been measured yet.`
        : `Distribution of ${value} over ${counted(rows.length, "epoch")}, one line an epoch. ` +
          `Last epoch: ${unitSentence(last.statistics)}.`,
    edges,
    rows: thin(rows),
    peak,
  };
}

/** "NaN 0 · zero 38 % · dead units 3/64". */
export function unitSentence(statistics: ActivationStatistics): string {
  const { histogram } = statistics;
  const outside = (histogram.below ?? 0) + (histogram.above ?? 0);
  return [
    `NaN ${count(statistics.nan)}`,
    ...(statistics.inf > 0 ? [`infinite ${count(statistics.inf)}`] : []),
    `zero ${percent(statistics.zeros / Math.max(1, statistics.count))}`,
    `dead units ${statistics.deadUnits}/${statistics.units}`,
    `outside the edges ${percent(outside / Math.max(1, statistics.count))}`,
  ].join(" · ");
}

function rowOf(epoch: number, { histogram }: ActivationStatistics): RidgeRow {
  const below = histogram.below ?? 0;
  const above = histogram.above ?? 0;
  const total = Math.max(
    1,
    histogram.counts.reduce((sum, each) => sum + each, below + above),
  );
  return {
    epoch,
    shares: histogram.counts.map((each) => each / total),
    below: below / total,
    above: above / total,
  };
}

function sameEdges(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((edge, index) => edge === b[index]);
}

function thin(rows: readonly RidgeRow[]): readonly RidgeRow[] {
  if (rows.length <= DRAWN_ROWS) return rows;
  const step = (rows.length - 1) / (DRAWN_ROWS - 1);
  return Array.from(
    { length: DRAWN_ROWS },
    (_, index) => rows[Math.round(index * step)] as RidgeRow,
  );
}
