import type { DataTable, HistogramModel, LineModel, RidgeModel } from "./model.ts";

/** The numbers behind each chart. */

export function lineTable(model: LineModel): DataTable {
  const series = model.series.filter((each) => each.faint !== true);
  const byX = series.map((each) => new Map(each.points.map((point) => [point.x, point.y])));
  const xs = [...new Set(series.flatMap((each) => each.points.map((point) => point.x)))];
  xs.sort((a, b) => a - b);
  return {
    columns: [model.xName, ...series.map((each) => each.name)],
    rows: xs.map((x) => [x, ...byX.map((points) => points.get(x) ?? "")]),
  };
}

export function histogramTable(model: HistogramModel): DataTable {
  const bins = model.counts.map((count, bin) => [
    model.edges[bin] ?? Number.NaN,
    model.edges[bin + 1] ?? Number.NaN,
    count,
  ]);
  const first = model.edges[0] ?? Number.NaN;
  const last = model.edges.at(-1) ?? Number.NaN;
  return {
    columns: ["From", "To", "Count"],
    rows: [
      ...(model.below > 0 ? [[Number.NEGATIVE_INFINITY, first, model.below]] : []),
      ...bins,
      ...(model.above > 0 ? [[last, Number.POSITIVE_INFINITY, model.above]] : []),
    ],
  };
}

export function ridgeTable(model: RidgeModel): DataTable {
  const bins = model.edges.slice(0, -1).map((edge, bin) => `${edge} to ${model.edges[bin + 1]}`);
  return {
    columns: ["Epoch", "Below", ...bins, "Above"],
    rows: model.rows.map((row) => [row.epoch, row.below, ...row.shares, row.above]),
  };
}

export function csv(table: DataTable): string {
  const quoted = (cell: number | string) =>
    typeof cell === "string" && /[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  return [table.columns, ...table.rows].map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

/** For the clipboard: what a spreadsheet takes as cells. */
export function tabSeparated(table: DataTable): string {
  const cells = (row: readonly (number | string)[]) =>
    row.map((cell) => String(cell).replaceAll(/[\t\n\r]/g, " ")).join("\t");
  return [table.columns, ...table.rows].map(cells).join("\n");
}
