import * as vscode from "vscode";
import type { EngineClient } from "../engine/engine-client.ts";
import type { ModelDocuments } from "./model-documents.ts";

/** After a crash of the engine: a new process knows nothing, so every open document is read again. */
export function recoverDocuments(
  engine: EngineClient,
  documents: ModelDocuments,
): vscode.Disposable {
  let recovering = false;
  return engine.onDidCrash(async (cause) => {
    // Reading the models may be what kills the engine: once is enough, the page then offers Retry.
    if (recovering) return;
    recovering = true;
    const open = documents.all();
    const message = vscode.l10n.t("The engine stopped ({0}) and is being started again", cause);
    for (const document of open) document.show({ type: "busy", message });
    for (const document of open) await document.refresh();
    for (const document of open) document.show({ type: "idle" });
    recovering = false;
    if (open.length > 0) await tellRecovery(cause);
  });
}

async function tellRecovery(cause: string): Promise<void> {
  const showLog = vscode.l10n.t("Show Log");
  const choice = await vscode.window.showWarningMessage(
    vscode.l10n.t("The engine stopped ({0}) and was started again. No edit is lost.", cause),
    showLog,
  );
  if (choice === showLog) await vscode.commands.executeCommand("normlens.showLog");
}
