import * as vscode from "vscode";

/** Restricted Mode: models are read and checked, but nothing is written and nothing is trained. */
export async function requireTrust(action: string): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const manage = vscode.l10n.t("Manage Workspace Trust");
  const choice = await vscode.window.showWarningMessage(restrictedSentence(action), manage);
  if (choice === manage) await vscode.commands.executeCommand("workbench.trust.manage");
  return vscode.workspace.isTrusted;
}

/** For operations of VS Code itself, such as Save, that report a thrown sentence. */
export function assertTrust(action: string): void {
  if (!vscode.workspace.isTrusted) throw new Error(restrictedSentence(action));
}

function restrictedSentence(action: string): string {
  return vscode.l10n.t("{0} needs a trusted workspace; this one is in Restricted Mode.", action);
}
