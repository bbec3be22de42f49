import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { parse } from "csv-parse/sync";
import { InputError } from "../graph/input-error.ts";
import { readBounded } from "./bounded-file.ts";
import {
  classTargets,
  type Dataset,
  type MemoryDataset,
  type TargetKind,
  type Targets,
} from "./dataset.ts";

/** Column names that mean the answer; without one of them it is the last column. */
const LABEL_COLUMNS = ["label", "target", "class", "y"];

/**
 * Reads a table with one sample a row: a header line, numbers, and one column with the label.
 *
 * The label column is the one named label or target (or class, y), otherwise the last. Labels that
 * are not numbers are classes, in alphabetical order; see TargetKind for those that are.
 */
export async function readCsv(path: string, kind?: TargetKind): Promise<Dataset> {
  const bytes = await readBounded(createReadStream(path), path);
  return parseCsv(new TextDecoder().decode(bytes), basename(path), path, kind);
}

export function parseCsv(
  text: string,
  name: string,
  file: string,
  kind?: TargetKind,
): MemoryDataset {
  const rows = parseRows(text, file);
  const header = rows[0];
  if (header === undefined)
    throw new InputError("is empty; a header line and rows are needed", file);
  if (header.every(isNumber)) {
    throw new InputError(
      `line 1 "${header.slice(0, 3).join(",")}…" is numbers; a header line with column names is needed`,
      file,
    );
  }
  if (header.length < 2)
    throw new InputError("has one column; features and a label are needed", file);
  if (rows.length < 2) throw new InputError("has a header line but no rows", file);
  const labelColumn = findLabelColumn(header);
  const width = header.length - 1;
  const count = rows.length - 1;
  const features = new Float32Array(count * width);
  const labels: string[] = [];
  for (let row = 0; row < count; row++) {
    const cells = rows[row + 1] as readonly string[];
    let position = row * width;
    for (const [column, cell] of cells.entries()) {
      if (column === labelColumn) labels.push(cell);
      else features[position++] = toNumber(cell, row, header[column] ?? "", file);
    }
  }
  const targets = toTargets(labels, kind, header[labelColumn] ?? "", file);
  return { name, count, sampleShape: [width], features, targets };
}

function parseRows(text: string, file: string): readonly (readonly string[])[] {
  try {
    return parse(text, { bom: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    throw new InputError(error instanceof Error ? error.message : String(error), file);
  }
}

function findLabelColumn(header: readonly string[]): number {
  for (const name of LABEL_COLUMNS) {
    const column = header.findIndex((cell) => cell.toLowerCase() === name);
    if (column >= 0) return column;
  }
  return header.length - 1;
}

function isNumber(cell: string): boolean {
  return cell !== "" && !Number.isNaN(Number(cell));
}

function toNumber(cell: string, row: number, column: string, file: string): number {
  if (isNumber(cell)) return Number(cell);
  if (/^[+-]?nan$/i.test(cell)) return Number.NaN;
  if (/^[+-]?inf(inity)?$/i.test(cell)) return Number(`${cell.startsWith("-") ? "-" : ""}Infinity`);
  throw new InputError(`row ${row + 1}, column ${column}: "${cell}" is not a number`, file);
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
  const values = Float32Array.from(labels, (label, row) => toNumber(label, row, column, file));
  return { kind: "numbers", values, shape: [] };
}
