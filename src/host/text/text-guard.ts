import * as vscode from "vscode";
import { TEXT_SCHEME } from "./text-uri.ts";
import type { TextViews } from "./text-views.ts";

const messageTime = 6000;

/**
 * Takes back what is typed into the text of a model: it is a view, and the editor is writable only
 * because VS Code shows no light bulbs in a read-only one.
 */
export function guardTexts(texts: TextViews): vscode.Disposable {
  let reverting = false;
  return vscode.workspace.onDidChangeTextDocument(async ({ document }) => {
    if (reverting || document.uri.scheme !== TEXT_SCHEME) return;
    // The document's own dirty mark comes a moment after the change.
    const made = texts.get(document.uri)?.view.text;
    if (made === undefined ? !document.isDirty : made === document.getText()) return;
    reverting = true;
    try {
      await vscode.window.showTextDocument(document, { preview: false });
      await vscode.commands.executeCommand("workbench.action.files.revert");
      vscode.window.setStatusBarMessage(
        vscode.l10n.t("This text is made from the model; light bulbs change the model."),
        messageTime,
      );
    } finally {
      reverting = false;
    }
  });
}
