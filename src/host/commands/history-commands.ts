import * as vscode from "vscode";
import { editorOf, modelTab } from "../model/model-documents.ts";
import { TEXT_SCHEME } from "../text/text-uri.ts";
import { type HostParts, modelOf, registerCommands } from "./parts.ts";

/**
 * Undo and Redo of a model from anywhere, also from its text. VS Code undoes in the active editor
 * only, so the model's page is made active for that moment.
 */
export function registerHistoryCommands({ documents }: HostParts): vscode.Disposable {
  const run = async (command: "undo" | "redo", model: vscode.Uri) => {
    const tab = modelTab(model);
    // Without its page the model has no edits.
    if (documents.get(model) === undefined || tab === undefined) return;
    if (tab.isActive && tab.group.isActive) {
      // From the palette the focus is still in its input box, which would undo typing instead.
      await vscode.commands.executeCommand("workbench.action.focusActiveEditorGroup");
      await vscode.commands.executeCommand(command);
      return;
    }
    const text = vscode.window.activeTextEditor;
    await vscode.commands.executeCommand("vscode.openWith", model, editorOf(model), {
      viewColumn: tab.group.viewColumn,
    });
    await vscode.commands.executeCommand(command);
    if (text?.document.uri.scheme !== TEXT_SCHEME) return;
    await vscode.window.showTextDocument(text.document, {
      viewColumn: text.viewColumn ?? vscode.ViewColumn.Active,
      preview: false,
    });
  };
  return registerCommands({
    "normlens.undoModelEdit": (value) => run("undo", modelOf(value)),
    "normlens.redoModelEdit": (value) => run("redo", modelOf(value)),
  });
}
