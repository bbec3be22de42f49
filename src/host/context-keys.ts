import * as vscode from "vscode";
import { activeModel, type ModelDocuments, modelTab } from "./model/model-documents.ts";

let last: vscode.Uri | undefined;

/** The model that was looked at last, as long as a tab still shows it. */
export function lastModel(): vscode.Uri | undefined {
  return last !== undefined && modelTab(last) !== undefined ? last : undefined;
}

/** Keeps the keys that menus and key bindings ask for in step with the active tab. */
export function trackContextKeys(documents: ModelDocuments): vscode.Disposable {
  const update = () => {
    const model = activeModel();
    last = model ?? last;
    const state = model && documents.get(model)?.state;
    const foldable =
      state?.kind === "ready" && state.view.report.findings.some(({ fix }) => fix !== undefined);
    void vscode.commands.executeCommand("setContext", "normlens.modelActive", model !== undefined);
    void vscode.commands.executeCommand("setContext", "normlens.modelFoldable", foldable);
  };
  update();
  return vscode.Disposable.from(
    vscode.window.tabGroups.onDidChangeTabs(update),
    vscode.window.tabGroups.onDidChangeTabGroups(update),
    documents.onDidChange(update),
  );
}
