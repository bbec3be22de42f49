import { groupedDigits } from "../graph/grouped-digits.ts";
import { fromJsonNumber, type JsonNumber, type ReportTable } from "../protocol/reports.ts";
import { print } from "./command.ts";

/** Rows beyond these are counted; --json has them all. */
const SHOWN_ROWS = 20;

/** A table with aligned columns, numbers to four digits. */
export function printTable({ title, columns, rows }: ReportTable): void {
  print("");
  print(title);
  const cells = [columns, ...rows.slice(0, SHOWN_ROWS).map((row) => row.map(cellText))];
  const widths = columns.map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? "").length)),
  );
  for (const row of cells) {
    print(
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  }
  if (rows.length > SHOWN_ROWS) print(`… and ${rows.length - SHOWN_ROWS} more (--json has all)`);
}

function cellText(cell: string | JsonNumber): string {
  if (typeof cell === "string") return cell;
  const value = fromJsonNumber(cell);
  return Number.isInteger(value) ? groupedDigits(value) : String(Number(value.toPrecision(4)));
}
