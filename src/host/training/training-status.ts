import { basename } from "node:path";
import * as vscode from "vscode";
import type { TrainingRun } from "./training-run.ts";

const contextKey = "normlens.training";

/** Training in the status bar, as a context key for commands, and as a message when it ended. */
export class TrainingStatus {
  readonly #item: vscode.StatusBarItem;

  constructor() {
    this.#item = vscode.window.createStatusBarItem(
      "normlens.training",
      vscode.StatusBarAlignment.Left,
      0,
    );
    this.#item.name = vscode.l10n.t("NormLens Training");
  }

  follow(run: TrainingRun): void {
    run.onDidChangeStatus(({ status, message }) => {
      void vscode.commands.executeCommand("setContext", contextKey, status);
      if (run.active) this.#tell(run, status);
      else this.#item.hide();
      if (status === "failed" && message !== undefined) {
        void vscode.window.showErrorMessage(message);
      }
    });
    run.onEvent((event) => {
      if (event.event === "epoch") {
        this.#tell(run, vscode.l10n.t("epoch {0}", event.epoch));
      }
      if (event.event === "retrainEpoch") {
        this.#tell(run, vscode.l10n.t("again, epoch {0}", event.epoch));
      }
    });
  }

  dispose(): void {
    this.#item.dispose();
  }

  #tell(run: TrainingRun, what: string): void {
    const name = basename(run.model.path);
    const icon = run.outcome.status === "paused" ? "debug-pause" : "loading~spin";
    this.#item.text = `$(${icon}) ${vscode.l10n.t("Training {0}: {1}", name, what)}`;
    this.#item.tooltip = vscode.l10n.t("Show the training of {0}", name);
    this.#item.command = {
      title: vscode.l10n.t("Show Training"),
      command: "normlens.train",
      arguments: [run.model],
    };
    this.#item.show();
  }
}
