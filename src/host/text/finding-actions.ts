import * as vscode from "vscode";
import { FOLD_BATCH_NORM } from "../model/edits.ts";
import { DIAGNOSTIC_SOURCE, type PlacedFinding, rangeOf } from "./finding-diagnostics.ts";
import type { ModelText, TextViews } from "./text-views.ts";

const fixAll = vscode.CodeActionKind.SourceFixAll.append("normlens");

/** The light bulbs in the text of a model. They change the model; the text follows. */
export class FindingActions implements vscode.CodeActionProvider {
  static readonly metadata: vscode.CodeActionProviderMetadata = {
    providedCodeActionKinds: [
      vscode.CodeActionKind.QuickFix,
      vscode.CodeActionKind.RefactorRewrite,
      fixAll,
    ],
  };

  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  provideCodeActions(
    document: vscode.TextDocument,
    range: vscode.Range,
    { diagnostics }: vscode.CodeActionContext,
  ): vscode.CodeAction[] {
    const text = this.#texts.get(document.uri);
    if (text === undefined) return [];
    const touched = text.view.findings.filter((finding) => touches(finding, range));
    const actions = touched.flatMap((finding) => actionFor(finding, text, diagnostics));
    return [...actions, ...foldAllActions(text)];
  }
}

/** A finding belongs to its whole line: the bulb should not need an exact column. */
function touches(finding: PlacedFinding, range: vscode.Range): boolean {
  return finding.line >= range.start.line && finding.line <= range.end.line;
}

function actionFor(
  finding: PlacedFinding,
  { model }: ModelText,
  diagnostics: readonly vscode.Diagnostic[],
): vscode.CodeAction[] {
  const { fix, reason } = finding;
  const title = fix?.title ?? vscode.l10n.t("Fix {0}: {1}", finding.rule, finding.node);
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.diagnostics = diagnostics.filter(
    ({ source, code, range }) =>
      source === DIAGNOSTIC_SOURCE &&
      ruleOf(code) === finding.rule &&
      range.isEqual(rangeOf(finding)),
  );
  if (fix !== undefined) {
    action.isPreferred = true;
    action.command = applyCommand(title, model, fix.pass, [fix.site]);
    return [action];
  }
  if (reason === undefined) return [];
  action.disabled = { reason };
  return [action];
}

/** A code with a page of help is an object. */
function ruleOf(code: vscode.Diagnostic["code"]) {
  return typeof code === "object" ? code.value : code;
}

function foldAllActions({ model, view }: ModelText): vscode.CodeAction[] {
  const foldable = view.findings.some(({ fix }) => fix?.pass === FOLD_BATCH_NORM);
  if (!foldable) return [];
  const title = vscode.l10n.t("Fold all BatchNorm");
  return [vscode.CodeActionKind.RefactorRewrite, fixAll].map((kind) => {
    const action = new vscode.CodeAction(title, kind);
    action.command = applyCommand(title, model, FOLD_BATCH_NORM, undefined);
    return action;
  });
}

/** What a light bulb does; the command asks for what has no sensible default. */
export function applyCommand(
  title: string,
  model: vscode.Uri,
  pass: string,
  sites: readonly string[] | undefined,
): vscode.Command {
  const selection = sites === undefined ? { pass } : { pass, sites };
  return { title, command: "normlens.applyPass", arguments: [model, selection] };
}
