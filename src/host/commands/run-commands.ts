import * as vscode from "vscode";
import { type HostParts, modelOf, registerCommands } from "./parts.ts";

/** Training and the engine process. */
export function registerRunCommands(parts: HostParts): vscode.Disposable {
  const { documents, engine, log, training } = parts;
  return registerCommands({
    train: (value) => training.open(modelOf(value)),
    stopTraining: () => training.current?.stop(),
    pauseTraining: () => training.current?.setPaused(true),
    resumeTraining: () => training.current?.setPaused(false),
    showLog: () => log.show(),
    restartEngine: async () => {
      engine.restart();
      for (const document of documents.all()) await document.refresh();
      vscode.window.setStatusBarMessage(
        vscode.l10n.t("$(check) The NormLens engine was restarted."),
        5000,
      );
    },
  });
}
