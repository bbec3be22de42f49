import * as vscode from "vscode";
import { TEXT_SCHEME } from "./text-uri.ts";

/**
 * Takes back what is typed into the text of a model: it is a view, and the editor is writable only
 * because VS Code shows no light bulbs in a read-only one.
 */
export function guardTexts(): vscode.Disposable {
  let reverting = false;
  return vscode.workspace.onDidChangeTextDocument(async ({ document, contentChanges }) => {
    if (document.uri.scheme !== TEXT_SCHEME || !document.isDirty || contentChanges.length === 0) {
      return;
    }
    if (reverting) return;
    reverting = true;
    try {
      await vscode.window.showTextDocument(document, { preview: false });
      await vscode.commands.executeCommand("workbench.action.files.revert");
      vscode.window.setStatusBarMessage(
        vscode.l10n.t("This text is made from the model; light bulbs change the model."),
        6000,
      );
    } finally {
      reverting = false;
    }
  });
}
