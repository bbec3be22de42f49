import type { Edit } from "../../protocol/engine.ts";
import type { PassSelection } from "../../protocol/model-page.ts";
import type { PassReport } from "../../protocol/reports.ts";

export const FOLD_BATCH_NORM = "fold-batch-norm";

/** The edit that makes a pass report come true, with the label that Undo shows. */
export function editOf(selection: PassSelection, report: PassReport): Edit {
  const { pass, sites, options = {}, data } = selection;
  return {
    kind: "pass",
    pass,
    ...(sites === undefined ? {} : { sites }),
    options,
    ...(data === undefined ? {} : { data }),
    label: report.label,
  };
}

/** What was done, and what became of the function: the status line after an edit. */
export function sentenceAbout(report: PassReport): string {
  return [`${doneSentence(report)}.`, report.statement, report.certificate?.sentence]
    .filter((sentence) => sentence !== undefined)
    .join(" ");
}

function doneSentence({ pass, applied, label }: PassReport): string {
  if (pass !== FOLD_BATCH_NORM) return label;
  return applied.length === 1
    ? label.replace(/^Fold/, "Folded")
    : `Folded ${counted(applied.length, "BatchNormalization node")}`;
}

/** Why nothing was done, in one sentence: a place is in the way, or all is well already. */
export function nothingDone({
  title,
  skipped,
  statement,
}: Pick<PassReport, "title" | "skipped" | "statement">): string {
  const [first, ...others] = skipped;
  if (first === undefined) return `${title}: ${statement ?? "the model has no place for it."}`;
  const rest = others.length > 0 ? ` (and ${counted(others.length, "more place")})` : "";
  return `${title} is not possible at ${first.node}: ${first.reason}${rest}`;
}

export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

export function sameEdits(a: readonly Edit[], b: readonly Edit[]): boolean {
  return a.length === b.length && a.every((edit, position) => edit === b[position]);
}
