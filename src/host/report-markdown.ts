import type { Certificate, JsonNumber, ValueStatistics } from "../protocol/reports.ts";

/** A certificate as a page of its own: the sentence, the numbers, the inputs that were tried. */
export function certificateMarkdown(title: string, certificate: Certificate): string {
  const rows = certificate.outputs.map(({ name, maxAbs, maxRelative, roundingRelative, input }) => [
    escaped(name),
    shortNumber(maxAbs),
    shortNumber(maxRelative),
    roundingRelative === undefined ? "–" : shortNumber(roundingRelative),
    escaped(input ?? "–"),
  ]);
  const head = ["Output", "Largest difference", "Of its scale", "Rounding explains", "Seen on"];
  return [
    `# ${escaped(title)}`,
    `${certificate.pass ? "✓" : "✗"} **${escaped(certificate.sentence)}**`,
    table(head, rows),
    "## Inputs tried",
    certificate.inputs.map((input) => `- ${escaped(input)}`).join("\n"),
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
  return [`# ${escaped(title)}`, table(head, rows), ""].join("\n\n");
}

/** Names come from a file and may contain anything: nothing of them is to be markup. */
export function escaped(text: string): string {
  return text.replace(/[\\`*_{}[\]()<>#+\-.!|~&$:]/g, "\\$&").replace(/[\r\n]+/g, " ");
}

function shortNumber(value: JsonNumber | string): string {
  return typeof value === "number" ? Number(value.toPrecision(4)).toString() : value;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = line(head.map((_, column) => (column === 0 ? ":--" : "--:")));
  return [line(head), rule, ...rows.map(line)].join("\n");
}
