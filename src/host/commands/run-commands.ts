import * as vscode from "vscode";
import { withSlowProgress } from "../progress.ts";
import { requireTrust } from "../trust.ts";
import { type HostParts, modelOf, registerCommands } from "./parts.ts";

/** Training and the engine process. */
export function registerRunCommands(parts: HostParts): vscode.Disposable {
  const { documents, engine, log, training } = parts;
  return registerCommands({
    "normlens.train": (value) => training.open(modelOf(value)),
    "normlens.stopTraining": () => training.current?.stop(),
    "normlens.pauseTraining": () => training.current?.setPaused(true),
    "normlens.resumeTraining": () => training.current?.setPaused(false),
    "normlens.installTensorFlow": async () => {
      if (!(await requireTrust(vscode.l10n.t("Installing TensorFlow")))) return;
      const { version } = await withSlowProgress(
        vscode.l10n.t("Installing TensorFlow"),
        (token, onProgress) => engine.request("installTensorFlow", {}, { token, onProgress }),
      );
      void vscode.window.showInformationMessage(
        vscode.l10n.t("{0} is installed. TF.js layers models can now train on it.", version),
      );
    },
    "normlens.showLog": () => log.show(),
    "normlens.restartEngine": async () => {
      engine.restart();
      for (const document of documents.all()) await document.refresh();
      vscode.window.setStatusBarMessage(
        vscode.l10n.t("$(check) The NormLens engine was restarted."),
        5000,
      );
    },
  });
}
