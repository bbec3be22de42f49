import { parse } from "csv-parse/sync";
import { InputError } from "../graph/input-error.ts";
import type { DataOptions } from "../protocol/data-options.ts";

/** A table of text with the names of its columns. */
export interface TextTable {
  /** "1", "2", … where the file has none. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const SEPARATORS = [",", ";", "\t", "|"];

/** @throws InputError naming the line that is no row of the table. */
export function parseTable(text: string, file: string, options: DataOptions): TextTable {
  const rows = parseRows(text, file, separatorOf(text, options.separator));
  const first = rows[0];
  if (first === undefined) throw new InputError("is empty; rows are needed", file);
  if (first.length < 2)
    throw new InputError("has one column; features and a label are needed", file);
  const named = options.header === "auto" ? looksLikeNames(first) : options.header === "yes";
  if (named && rows.length < 2) throw new InputError("has a header line but no rows", file);
  return named
    ? { columns: first, rows: rows.slice(1) }
    : { columns: first.map((_, column) => String(column + 1)), rows };
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

function parseRows(text: string, file: string, delimiter: string): readonly (readonly string[])[] {
  try {
    return parse(text, { bom: true, skip_empty_lines: true, trim: true, delimiter });
  } catch (error) {
    throw new InputError(error instanceof Error ? error.message : String(error), file);
  }
}
