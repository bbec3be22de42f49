import type { Edit } from "../../protocol/engine.ts";
import type { PassSelection } from "../../protocol/model-page.ts";
import type { PassReport } from "../../protocol/reports.ts";

export const FOLD_BATCH_NORM = "fold-batch-norm";

/** The edit that makes a pass report come true, with the label that Undo shows. */
export function editOf(selection: PassSelection, report: PassReport): Edit {
  return {
    kind: "pass",
    pass: selection.pass,
    ...(selection.sites === undefined ? {} : { sites: selection.sites }),
    options: {},
    label: labelOf(report),
  };
}

/** "Fold bn1 into conv1", or "Fold BatchNorm (53 nodes)". */
export function labelOf(report: PassReport): string {
  const [first] = report.applied;
  if (report.applied.length === 1 && first !== undefined && report.pass === FOLD_BATCH_NORM) {
    return first.into === first.node
      ? `Fold ${first.node}`
      : `Fold ${first.node} into ${first.into}`;
  }
  return `${passTitle(report.pass)} (${counted(report.applied.length, "node")})`;
}

/** What was done, and whether the function stayed the same: the status line after an edit. */
export function sentenceAbout(report: PassReport): string {
  const done = `${doneSentence(report)}.`;
  return report.certificate === undefined ? done : `${done} ${report.certificate.sentence}`;
}

function doneSentence(report: PassReport): string {
  const label = labelOf(report);
  if (report.pass !== FOLD_BATCH_NORM) return label;
  return report.applied.length === 1
    ? label.replace(/^Fold/, "Folded")
    : `Folded ${counted(report.applied.length, "BatchNormalization node")}`;
}

/** Why nothing could be done, in one sentence. */
export function nothingDone(report: PassReport): string {
  const [first, ...others] = report.skipped;
  if (first === undefined) return `${passTitle(report.pass)}: the model has no place for it.`;
  const rest = others.length > 0 ? ` (and ${counted(others.length, "more place")})` : "";
  return `${passTitle(report.pass)} is not possible at ${first.node}: ${first.reason}${rest}`;
}

/** "fold-batch-norm" → "Fold BatchNorm", as the palette writes it. */
export function passTitle(pass: string): string {
  const words = pass.replaceAll("batch-norm", "BatchNorm").split("-").join(" ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

export function sameEdits(a: readonly Edit[], b: readonly Edit[]): boolean {
  return a.length === b.length && a.every((edit, position) => edit === b[position]);
}
