import type { DataPartName, DataReport } from "../../src/protocol/data-report.ts";
import type { ReportTable } from "../../src/protocol/reports.ts";
import type { ClassModel, HistogramModel } from "../charts/model.ts";
import { valueHistogram } from "../charts/value-histogram.ts";
import { count, counted } from "../elements/format.ts";

/** What a report on data is to charts and tables. */

const PART_NAMES: readonly (readonly [DataPartName, string])[] = [
  ["train", "training"],
  ["validation", "validation"],
  ["test", "test"],
];

export function partName(part: DataPartName | undefined): string {
  return PART_NAMES.find(([id]) => id === part)?.[1] ?? "no part";
}

/** "1,797 samples of 1×8×8 · 10 classes · training 1,078, validation 360, test 359". */
export function summary(report: DataReport): string {
  const shape = report.sampleShape.join("×") || "1";
  const targets = {
    classes: counted(report.classCount, "class", "classes"),
    numbers: "numbers as targets",
    none: "no targets",
  }[report.targets];
  const parts = PART_NAMES.map(([id, name]) => `${name} ${count(report.parts[id])}`).join(", ");
  const own = report.ownParts ? " (parts of its own)" : "";
  return `${counted(report.samples, "sample")} of ${shape} · ${targets} · ${parts}${own}`;
}

export function classModel({ classes, classCount }: DataReport): ClassModel {
  const total = ({ parts }: (typeof classes)[number]) =>
    parts.train + parts.validation + parts.test;
  const totals = classes.map(total);
  const shown =
    classes.length < classCount ? `, the first ${count(classes.length)} of which are drawn` : "";
  return {
    title: "Classes",
    description:
      `Samples of ${counted(classCount, "class", "classes")}${shown}, by part: ` +
      `from ${count(Math.min(...totals))} to ${count(Math.max(...totals))} a class.`,
    classes: classes.map(({ name }) => name),
    parts: PART_NAMES.map(([id, name]) => ({
      name,
      counts: classes.map(({ parts }) => parts[id]),
    })),
  };
}

export function valueModel({ values, samples, sampleShape }: DataReport): HistogramModel {
  const numbers = samples * sampleShape.reduce((product, size) => product * size, 1);
  return valueHistogram("Values", {
    ...values,
    name: "values",
    count: numbers,
    zeros: 0,
    quantiles: {},
  });
}

export function groupTable({ groupKind, groups, groupCount, values }: DataReport): ReportTable {
  const all = groupKind === "whole";
  const more =
    groups.length < groupCount ? `, the first ${count(groups.length)} of ${count(groupCount)}` : "";
  return {
    title: all ? "All numbers" : `${groupKind === "channel" ? "Channels" : "Features"}${more}`,
    columns: [all ? "numbers" : groupKind, "mean", "deviation", "min", "max", "NaN", "infinite"],
    rows: (all ? [{ name: "all", ...values }] : groups).map((group) => [
      group.name,
      group.mean,
      group.std,
      group.min,
      group.max,
      group.nan,
      group.inf,
    ]),
  };
}

/** Samples that are shown as numbers, a row each; undefined where there are none. */
export function sampleTable({ shown, groups, groupKind }: DataReport): ReportTable | undefined {
  const rows = shown.flatMap(({ name, part, target, view }) =>
    view.kind === "numbers" ? [{ name, part, target, view }] : [],
  );
  const [first] = rows;
  if (first === undefined) return undefined;
  const { values, count: all } = first.view;
  const names = values.map((_, at) =>
    groupKind === "feature" ? (groups[at]?.name ?? String(at + 1)) : String(at + 1),
  );
  const more = values.length < all ? `, the first ${values.length} of ${count(all)} numbers` : "";
  return {
    title: `Samples${more}`,
    columns: ["sample", "part", "target", ...names],
    rows: rows.map((row) => [row.name, partName(row.part), row.target ?? "", ...row.view.values]),
  };
}
