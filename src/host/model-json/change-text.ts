import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import * as vscode from "vscode";
import type { PassSelection } from "../../protocol/model-page.ts";
import type { RewrittenText } from "../../protocol/model-text.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import { nothingDone, sentenceAbout } from "../model/edits.ts";
import { beside } from "../model/original-file.ts";
import { withSlowProgress } from "../progress.ts";
import { certificateData, verifiesEdits } from "../settings.ts";
import type { TechniqueRunner } from "../techniques/technique-runner.ts";
import { requireTrust } from "../trust.ts";
import { rangeOf } from "./layer-symbols.ts";
import { requestOf } from "./model-json-texts.ts";

const statusTime = 10_000;

export interface ChangeParts {
  readonly engine: EngineClient;
  readonly runner: TechniqueRunner;
  /** A folder of the extension's, for weights on their way from the engine to VS Code. */
  readonly storage: vscode.Uri;
}

/**
 * Applies a pass to a model.json that is open as text. The text and the new files of weights change
 * in one edit of VS Code's, which one Undo takes back; the files that the text named before stay, so
 * that it can be undone, and so that what is saved has its weights at every moment.
 *
 * @throws Error with a sentence where the format has no place for the result.
 */
export async function changeText(
  { engine, runner, storage }: ChangeParts,
  document: vscode.TextDocument,
  chosen: PassSelection,
): Promise<void> {
  if (!(await requireTrust(vscode.l10n.t("Changing a model")))) return;
  const { uri, version } = document;
  const asked = { uri, request: () => ({ path: uri.fsPath, edits: [] }) };
  const selection = await runner.complete(asked, chosen, "necessary");
  if (selection === undefined) return;
  const { title } = await runner.techniques.pass(selection.pass);
  const folder = join(storage.fsPath, "outgoing", randomUUID());
  const data = certificateData(uri);
  const request = {
    ...requestOf(document),
    ...selection,
    ...(data === undefined ? {} : { certificateData: data }),
    verify: verifiesEdits(uri),
    folder,
  };
  try {
    const rewritten = await withSlowProgress(title, (token, onProgress) =>
      engine.request("rewriteText", request, { token, onProgress }),
    );
    if (rewritten.report.applied.length === 0) {
      void vscode.window.showInformationMessage(nothingDone(rewritten.report));
      return;
    }
    if (document.version !== version) throw changedMeanwhile(uri);
    await makeEdit(document, rewritten);
    tell(rewritten, document);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The files first: no text ever names weights that are not there. */
async function makeEdit(
  { uri, version }: vscode.TextDocument,
  { edits, files }: RewrittenText,
): Promise<void> {
  const edit = new vscode.WorkspaceEdit();
  for (const { path, content } of files) {
    const contents = await vscode.workspace.fs.readFile(vscode.Uri.file(content));
    edit.createFile(beside(uri, path), { contents });
  }
  for (const { range, content } of edits) edit.replace(uri, rangeOf(range), content);
  const open = vscode.workspace.textDocuments.find(
    (each) => each.uri.toString() === uri.toString(),
  );
  if (open?.version !== version || !(await vscode.workspace.applyEdit(edit))) {
    throw changedMeanwhile(uri);
  }
}

function changedMeanwhile(uri: vscode.Uri): Error {
  return new Error(
    vscode.l10n.t("{0} changed meanwhile, so it was left as it is.", basename(uri.path)),
  );
}

function tell({ report }: RewrittenText, document: vscode.TextDocument): void {
  const sentence = sentenceAbout(report);
  if (report.certificate?.pass === false) {
    void warn(sentence, document);
    return;
  }
  vscode.window.setStatusBarMessage(`$(check) ${sentence}`, statusTime);
}

async function warn(sentence: string, document: vscode.TextDocument): Promise<void> {
  const undo = vscode.l10n.t("Undo");
  if ((await vscode.window.showErrorMessage(sentence, undo)) !== undo) return;
  await vscode.window.showTextDocument(document);
  await vscode.commands.executeCommand("undo");
}
