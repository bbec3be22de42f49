import { CsvError, parse } from "csv-parse/sync";
import { InputError } from "../graph/input-error.ts";
import type { DataOptions } from "../protocol/data-options.ts";

/** A table of text with the names of its columns. */
export interface TextTable {
  /** "1", "2", … where the file has none. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const SEPARATORS = [",", ";", "\t", "|"];

/** @throws InputError naming row (from 1, without the header) and column of what is no table. */
export function parseTable(text: string, file: string, options: DataOptions): TextTable {
  const parsed = parseRows(text, separatorOf(text, options.separator));
  const [first] = parsed.rows;
  if (first === undefined) {
    const reason = parsed.damage?.reason;
    throw new InputError(
      reason === undefined ? "is empty; rows are needed" : `line 1: ${reason}`,
      file,
    );
  }
  const named = options.header === "auto" ? looksLikeNames(first) : options.header === "yes";
  const columns = named ? first : first.map((_, column) => String(column + 1));
  const rows = named ? parsed.rows.slice(1) : parsed.rows;
  refuseOtherWidths(rows, columns, file);
  if (parsed.damage !== undefined) {
    const { column, reason } = parsed.damage;
    throw new InputError(
      `${place(rows.length, columns[column] ?? String(column + 1))}: ${reason}`,
      file,
    );
  }
  if (first.length < 2)
    throw new InputError("has one column; features and a label are needed", file);
  if (rows.length === 0) throw new InputError("has a header line but no rows", file);
  return { columns, rows };
}

/** @param row from 0. */
function place(row: number, column: string): string {
  return `row ${row + 1}, column ${column}`;
}

function refuseOtherWidths(
  rows: readonly (readonly string[])[],
  columns: readonly string[],
  file: string,
): void {
  const row = rows.findIndex(({ length }) => length !== columns.length);
  const cells = rows[row]?.length;
  if (cells === undefined) return;
  const where =
    cells < columns.length
      ? `${place(row, columns[cells] ?? "")}: the cell is missing`
      : `row ${row + 1}: there are more cells than columns`;
  throw new InputError(`${where}; the row has ${cells} and the first line ${columns.length}`, file);
}

export function isNumber(cell: string): boolean {
  return cell !== "" && !Number.isNaN(Number(cell));
}

/** The last cell of a line without names may be a word: the label. */
function looksLikeNames(cells: readonly string[]): boolean {
  return cells.slice(0, -1).some((cell) => !isNumber(cell) && !isSpecialNumber(cell));
}

export function isSpecialNumber(cell: string): boolean {
  return /^[+-]?(nan|inf(inity)?)$/i.test(cell);
}

/** The one that the first line has most of, quoted text left out; a comma where it has none. */
function separatorOf(text: string, chosen: DataOptions["separator"]): string {
  if (chosen !== "auto") return chosen === "tab" ? "\t" : chosen;
  const line = (/^[^\r\n]*/.exec(text)?.[0] ?? "").replaceAll(/"[^"]*"/g, "");
  const counts = SEPARATORS.map((separator) => line.split(separator).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ",";
}

interface ParsedRows {
  readonly rows: readonly (readonly string[])[];
  /** What ends the table too early, in the row behind the last one. */
  readonly damage?: { readonly column: number; readonly reason: string };
}

/** Why a row cannot be taken apart, by csv-parse's code for it. */
const DAMAGES: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "the quote that the cell begins with is never closed",
  CSV_INVALID_CLOSING_QUOTE: "there is text behind the quote that closes the cell",
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: "there is text behind the quote that closes the cell",
  INVALID_OPENING_QUOTE: "there is a quote inside a cell that does not begin with one",
};

function parseRows(text: string, delimiter: string): ParsedRows {
  const rows: string[][] = [];
  try {
    // Rows are collected here, so that those in front of what is damaged are known.
    const on_record = (row: string[]) => {
      rows.push(row);
      return null;
    };
    const relaxed = { relax_column_count: true, on_record };
    parse(text, { bom: true, skip_empty_lines: true, trim: true, delimiter, ...relaxed });
    return { rows };
  } catch (error) {
    const reason = error instanceof CsvError ? DAMAGES[error.code] : undefined;
    if (reason === undefined) throw error;
    return { rows, damage: { column: Number((error as CsvError).column), reason } };
  }
}
