import {
  type AnalysisReport,
  type Certificate,
  isJsonNumber,
  type JsonNumber,
  type PassReport,
  type ReportTable,
  type ValueStatistics,
} from "../protocol/reports.ts";

/** A longer table is cut in the document: nobody reads on, and rendering it takes seconds. */
const SHOWN_ROWS = 500;

/** A certificate as a page of its own: the sentence, the numbers, the inputs that were tried. */
export function certificateMarkdown(title: string, certificate: Certificate): string {
  return [heading(title), ...certificateParts(certificate), ""].join("\n\n");
}

/** What a pass did: the sentence about the function first, then the numbers. */
export function passReportMarkdown(title: string, report: PassReport): string {
  const { applied, skipped, statement, tables = [], certificate } = report;
  return [
    heading(title),
    escaped(`${report.label}.`),
    ...(statement === undefined ? [] : [`**${escaped(statement)}**`]),
    ...tables.map(tableSection),
    ...(certificate === undefined ? [] : ["## Certificate", ...certificateParts(certificate)]),
    ...listSection(
      "Changed places",
      ["Node", "Taken up by"],
      applied.map(({ node, into }) => [node, into]),
    ),
    ...listSection(
      "Left as before",
      ["Node", "Reason"],
      skipped.map(({ node, reason }) => [node, reason]),
    ),
    "",
  ].join("\n\n");
}

/** What an analysis found: its sentences, then its tables. */
export function analysisMarkdown(
  title: string,
  { analysis, sentences, tables }: AnalysisReport,
): string {
  const [first, ...others] = sentences.map(escaped);
  return [
    heading(title),
    ...(first === undefined ? [] : [`**${first}**`, ...others]),
    ...tables.map(tableSection),
    ...(tables.some(({ rows }) => rows.length > SHOWN_ROWS)
      ? [`All rows: \`normlens analyze ${analysis} MODEL --json\``]
      : []),
    "",
  ].join("\n\n");
}

export function statisticsMarkdown(title: string, values: readonly ValueStatistics[]): string {
  const head = ["Value", "Mean", "Std", "Min", "Median", "Max", "Zero", "NaN", "Infinite"];
  const rows = values.map((value) => [
    escaped(value.name),
    ...[value.mean, value.std, value.min, value.quantiles["0.5"] ?? "–", value.max].map(
      shortNumber,
    ),
    `${((100 * value.zeros) / Math.max(1, value.count)).toFixed(1)} %`,
    String(value.nan),
    String(value.inf),
  ]);
  return [heading(title), table(head, rows), ""].join("\n\n");
}

/** Names come from a file and may contain anything: nothing of them is to be markup. */
export function escaped(text: string): string {
  return text.replace(/[\\`*_{}[\]()<>#+\-.!|~&$:]/g, "\\$&").replace(/[\r\n]+/g, " ");
}

function heading(title: string): string {
  return `# ${escaped(title)}`;
}

function certificateParts(certificate: Certificate): string[] {
  const rows = certificate.outputs.map(({ name, maxAbs, maxRelative, roundingRelative, input }) => [
    escaped(name),
    shortNumber(maxAbs),
    shortNumber(maxRelative),
    roundingRelative === undefined ? "–" : shortNumber(roundingRelative),
    escaped(input ?? "–"),
  ]);
  const head = ["Output", "Largest difference", "Of its scale", "Rounding explains", "Seen on"];
  return [
    `${certificate.pass ? "✓" : "✗"} **${escaped(certificate.sentence)}**`,
    table(head, rows),
    "## Inputs tried",
    certificate.inputs.map((input) => `- ${escaped(input)}`).join("\n"),
  ];
}

function tableSection({ title, columns, rows }: ReportTable): string {
  const shown = rows.slice(0, SHOWN_ROWS);
  const cells = shown.map((row) => row.map((cell) => escaped(cellText(cell))));
  // A column of words is read from its left edge, one of numbers compared at its right one.
  const words = columns.map((_, column) => shown.some((row) => !isJsonNumber(row[column])));
  return [
    `## ${escaped(title)}`,
    rows.length === 0 ? "No rows." : table(columns.map(escaped), cells, words),
    ...cutNote(rows.length),
  ].join("\n\n");
}

function listSection(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, SHOWN_ROWS).map((row) => row.map(escaped));
  const left = columns.map(() => true);
  return [`## ${escaped(title)}`, table(columns, shown, left), ...cutNote(rows.length)];
}

function cutNote(rows: number): string[] {
  return rows > SHOWN_ROWS ? [`… and ${(rows - SHOWN_ROWS).toLocaleString("en")} more rows.`] : [];
}

/** A count in full, anything else to four digits. */
function cellText(cell: string | JsonNumber): string {
  return typeof cell === "number" && Number.isInteger(cell)
    ? cell.toLocaleString("en")
    : shortNumber(cell);
}

function shortNumber(value: JsonNumber | string): string {
  return typeof value === "number" ? Number(value.toPrecision(4)).toString() : value;
}

/** @param words whether each column is aligned left; the first one alone when left out. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  words: readonly boolean[] = head.map((_, column) => column === 0),
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = line(words.map((left) => (left ? ":--" : "--:")));
  return [line(head), rule, ...rows.map(line)].join("\n");
}
