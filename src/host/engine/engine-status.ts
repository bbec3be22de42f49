import * as vscode from "vscode";
import type { RuntimeReport } from "../../protocol/engine.ts";
import type { EngineClient } from "./engine-client.ts";

/** Work that ends sooner than this is not worth a flicker in the status bar. */
const quietPeriod = 250;

/** Shows in the status bar what the engine is doing, and in the tooltip with which runtime. */
export class EngineStatus {
  readonly #item: vscode.StatusBarItem;
  readonly #subscription: { dispose(): void };
  #timer: NodeJS.Timeout | undefined;

  constructor(client: EngineClient) {
    this.#item = vscode.window.createStatusBarItem(
      "normlens.engine",
      vscode.StatusBarAlignment.Left,
      0,
    );
    this.#item.name = vscode.l10n.t("NormLens Engine");
    this.#item.command = "normlens.showLog";
    this.#subscription = client.onDidChangeActivity((activity) => this.#show(activity));
  }

  setRuntime(runtime: RuntimeReport): void {
    this.#item.tooltip = `${runtime.name} ${runtime.version}\n${runtime.reason}`;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#subscription.dispose();
    this.#item.dispose();
  }

  #show(activity: string | undefined): void {
    if (activity === undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#item.hide();
      return;
    }
    this.#item.text = `$(loading~spin) NormLens: ${capitalized(activity)}`;
    this.#timer ??= setTimeout(() => this.#item.show(), quietPeriod);
  }
}

function capitalized(phrase: string): string {
  return phrase.charAt(0).toUpperCase() + phrase.slice(1);
}
