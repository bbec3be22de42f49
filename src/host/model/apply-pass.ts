import * as vscode from "vscode";
import type { PassSelection } from "../../protocol/model-page.ts";
import type { PassReport } from "../../protocol/reports.ts";
import { isCancellation, sentenceOf } from "../engine/engine-error.ts";
import { type ReportProgress, withSlowProgress } from "../progress.ts";
import { verifiesEdits } from "../settings.ts";
import { editOf, nothingDone, sentenceAbout } from "./edits.ts";
import type { ModelDocument } from "./model-document.ts";
import { modelTab } from "./model-documents.ts";

const statusTime = 10_000;

export interface ApplyOptions {
  readonly token?: vscode.CancellationToken;
  readonly onProgress?: ReportProgress;
}

interface PassOptions extends ApplyOptions {
  /** The pass's own title. */
  readonly title: string;
  readonly showReport: (report: PassReport) => Promise<void>;
}

/**
 * Does what a button, a light bulb or a command asks: computes the pass with its certificate, adds
 * the edit, and says in one sentence what was done or why nothing was.
 */
export async function applyPass(
  document: ModelDocument,
  selection: PassSelection,
  options: PassOptions,
): Promise<void> {
  const report = await withSlowProgress(
    options.title,
    (token, onProgress) =>
      document.preview(selection, verifiesEdits(document.uri), token, (progress) => {
        onProgress(progress);
        options.onProgress?.(progress);
      }),
    options.token,
  );
  if (report.applied.length === 0) {
    const reason = nothingDone(report);
    document.show({ type: "notice", message: reason });
    void vscode.window.showInformationMessage(reason);
    return;
  }
  await document.add(editOf(selection, report));
  const sentence = sentenceAbout(report);
  document.show({ type: "applied", sentence, report });
  vscode.window.setStatusBarMessage(`$(check) ${sentence}`, statusTime);
  if (report.certificate?.pass === false) void warnAboutCertificate(document, sentence);
  else if (tellsMore(report) && !isVisible(document)) {
    void tellMore(sentence, () => options.showReport(report));
  }
}

/** Runs something for the user and shows a failure as its one sentence; cancelling is silent. */
export async function reportingFailure(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isCancellation(error)) return;
    const showLog = vscode.l10n.t("Show Log");
    const choice = await vscode.window.showErrorMessage(sentenceOf(error), showLog);
    if (choice === showLog) await vscode.commands.executeCommand("normlens.showLog");
  }
}

/** A changed function, or numbers, are more than the status bar has room for. */
function tellsMore({ statement, tables = [] }: PassReport): boolean {
  return statement !== undefined || tables.length > 0;
}

/** A page that can be seen shows statement and tables itself; it may lie behind the model's text. */
function isVisible(document: ModelDocument): boolean {
  return modelTab(document.uri)?.isActive === true;
}

async function tellMore(sentence: string, showReport: () => Promise<void>): Promise<void> {
  const details = vscode.l10n.t("Show Report");
  const choice = await vscode.window.showInformationMessage(sentence, details);
  if (choice === details) await showReport();
}

async function warnAboutCertificate(document: ModelDocument, sentence: string): Promise<void> {
  const undo = vscode.l10n.t("Undo");
  const choice = await vscode.window.showErrorMessage(sentence, undo);
  if (choice === undo) {
    await vscode.commands.executeCommand("normlens.undoModelEdit", document.uri);
  }
}
