import * as vscode from "vscode";
import type { TechniqueSite } from "../../protocol/engine.ts";
import type { Finding } from "../../protocol/reports.ts";
import { FOLD_BATCH_NORM } from "../model/edits.ts";
import { DIAGNOSTIC_SOURCE } from "./finding-diagnostics.ts";

const fixAll = vscode.CodeActionKind.SourceFixAll.append("normlens");

export const FINDING_ACTIONS: vscode.CodeActionProviderMetadata = {
  providedCodeActionKinds: [
    vscode.CodeActionKind.QuickFix,
    vscode.CodeActionKind.RefactorRewrite,
    fixAll,
  ],
};

/** Makes the command of a light bulb; sites left out means everywhere. */
export type CommandOf = (
  title: string,
  pass: string,
  sites: readonly string[] | undefined,
) => vscode.Command;

/** What a finding proposes, or why it proposes nothing; nothing where it says neither. */
export function findingActions(
  finding: Finding,
  range: vscode.Range,
  diagnostics: readonly vscode.Diagnostic[],
  commandOf: CommandOf,
): vscode.CodeAction[] {
  const { fix, reason } = finding;
  const title = fix?.title ?? vscode.l10n.t("Fix {0}: {1}", finding.rule, finding.node);
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.diagnostics = diagnostics.filter(
    (each) =>
      each.source === DIAGNOSTIC_SOURCE &&
      ruleOf(each.code) === finding.rule &&
      each.range.isEqual(range),
  );
  if (fix !== undefined) {
    action.isPreferred = true;
    action.command = commandOf(title, fix.pass, [fix.site]);
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

export function foldAllActions(
  findings: readonly Finding[],
  commandOf: CommandOf,
): vscode.CodeAction[] {
  if (!findings.some(({ fix }) => fix?.pass === FOLD_BATCH_NORM)) return [];
  const title = vscode.l10n.t("Fold all BatchNorm");
  return [vscode.CodeActionKind.RefactorRewrite, fixAll].map((kind) => {
    const action = new vscode.CodeAction(title, kind);
    action.command = commandOf(title, FOLD_BATCH_NORM, undefined);
    return action;
  });
}

/** What passes could do at a place besides what its findings propose. */
export function siteActions(
  sites: readonly TechniqueSite[],
  findings: readonly Finding[],
  commandOf: CommandOf,
): vscode.CodeAction[] {
  // What a finding proposes stands higher in the same list.
  const fixes = findings.flatMap(({ fix }) => (fix === undefined ? [] : [fix]));
  const others = sites.filter(
    ({ pass, site }) => !fixes.some((fix) => fix.pass === pass && fix.site === site),
  );
  return others.map((found) => {
    // Two passes may say the same of a place, as two ways to fold it; then each says its name too.
    const alike = [...fixes, ...others].filter(({ title }) => title === found.title);
    const title = alike.length > 1 ? `${found.title} (${found.passTitle})` : found.title;
    const action = new vscode.CodeAction(title, vscode.CodeActionKind.RefactorRewrite);
    action.command = commandOf(title, found.pass, [found.site]);
    return action;
  });
}
