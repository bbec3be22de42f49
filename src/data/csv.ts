import { basename } from "node:path";
import { InputError } from "../graph/input-error.ts";
import { readBoundedFile } from "./bounded-file.ts";
import { isNumber, isSpecialNumber, parseTable, type TextTable } from "./csv-table.ts";
import { classTargets, type MemoryDataset, type TargetKind, type Targets } from "./dataset.ts";
import { type DatasetRequest, dataOptions } from "./dataset-request.ts";

/** Column names that mean the answer; without one of them it is the last column. */
const LABEL_COLUMNS = ["label", "target", "class", "y"];

/** What stands where a value is missing. */
const MISSING = ["", "?", "na", "n/a", "null", "none"];

/** Text is one string while it is taken apart, and those are at most about this long. */
const LARGEST_TEXT = 2 ** 29 - 2 ** 16;

/**
 * Reads a table with one sample a row: numbers, and one column with the label.
 *
 * The label column is the one the options name, or the one named label or target (or class, y),
 * otherwise the last. Labels that are not numbers are classes, in alphabetical order; see TargetKind
 * for those that are.
 *
 * @throws InputError naming row (from 1, without the header) and column of a cell that is no number.
 */
export async function readCsv(path: string, request: DatasetRequest): Promise<MemoryDataset> {
  const bytes = await readBoundedFile(path, LARGEST_TEXT);
  return parseCsv(new TextDecoder().decode(bytes), basename(path), path, request);
}

export function parseCsv(
  text: string,
  name: string,
  file: string,
  request: DatasetRequest = {},
): MemoryDataset {
  const options = dataOptions(request);
  const table = parseTable(text, file, options);
  const labelColumn = findLabelColumn(table, options.labelColumn, file);
  const width = table.columns.length - 1;
  const count = table.rows.length;
  const features = new Float32Array(count * width);
  const labels: string[] = [];
  for (const [row, cells] of table.rows.entries()) {
    let position = row * width;
    for (const [column, cell] of cells.entries()) {
      const place = { row, column: table.columns[column] ?? "", file };
      if (column === labelColumn) labels.push(present(cell, place));
      else features[position++] = toNumber(cell, place);
    }
  }
  const column = table.columns[labelColumn] ?? "";
  const targets = toTargets(labels, request.kind, column, file);
  const featureNames = table.columns.filter((_, index) => index !== labelColumn);
  return { name, count, sampleShape: [width], features, targets, featureNames };
}

interface Place {
  readonly row: number;
  readonly column: string;
  readonly file: string;
}

function findLabelColumn({ columns }: TextTable, chosen: string, file: string): number {
  if (chosen !== "") {
    const named = columns.indexOf(chosen);
    const column = named >= 0 ? named : Number(chosen) - 1;
    if (Number.isInteger(column) && column >= 0 && column < columns.length) return column;
    const names = columns.slice(0, 20).join(", ");
    throw new InputError(`labelColumn: there is no column "${chosen}"; there are ${names}`, file);
  }
  for (const name of LABEL_COLUMNS) {
    const column = columns.findIndex((cell) => cell.toLowerCase() === name);
    if (column >= 0) return column;
  }
  return columns.length - 1;
}

function present(cell: string, { row, column, file }: Place): string {
  if (!MISSING.includes(cell.toLowerCase())) return cell;
  throw new InputError(
    `row ${row + 1}, column ${column}: the value is missing ("${cell}"); fill it in or leave the row out`,
    file,
  );
}

function toNumber(cell: string, place: Place): number {
  if (isNumber(cell)) return Number(cell);
  if (isSpecialNumber(cell)) {
    if (/nan/i.test(cell)) return Number.NaN;
    return cell.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const { row, column, file } = place;
  throw new InputError(
    `row ${row + 1}, column ${column}: "${present(cell, place)}" is not a number${decimalHint(cell)}`,
    file,
  );
}

/** Programs set to German, French and many other languages save tables like that. */
function decimalHint(cell: string): string {
  return isNumber(cell.replace(",", ".")) ? "; decimals need a point in place of the comma" : "";
}

function toTargets(
  labels: readonly string[],
  kind: TargetKind | undefined,
  column: string,
  file: string,
): Targets {
  const whole = labels.every((label) => isNumber(label) && Number.isInteger(Number(label)));
  const numbers = kind ?? (whole || !labels.every(isNumber) ? "classes" : "numbers");
  if (numbers === "classes") return classTargets(labels);
  const values = Float32Array.from(labels, (label, row) => toNumber(label, { row, column, file }));
  return { kind: "numbers", values, shape: [] };
}
