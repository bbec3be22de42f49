import { basename } from "node:path";
import * as vscode from "vscode";
import { pickOne } from "./dialog.ts";
import { type Answer, BACK, type Step } from "./walk.ts";

const lastDataKey = "normlens.lastData";
const included = "digits";

interface DataItem extends vscode.QuickPickItem {
  /** "" for none; undefined asks for a file. */
  readonly data: string | undefined;
}

/** Which data to measure on: what is included, what was taken last, or a file. */
export class DataChoice {
  readonly #memory: vscode.Memento;

  constructor(memory: vscode.Memento) {
    this.#memory = memory;
  }

  /** The data's name or path; "" where none was chosen, which only an optional choice offers. */
  async ask(
    step: Step,
    model: vscode.Uri,
    { optional }: { readonly optional: boolean },
  ): Promise<Answer<string>> {
    for (;;) {
      const items = this.#items(optional);
      const item = await pickOne(step, {
        items,
        placeholder: vscode.l10n.t("Data to run the model on"),
      });
      if (item === undefined || item === BACK) return item;
      const data = item.data ?? (await chooseFile(model));
      // Back in the list when no file was chosen after all.
      if (data === undefined) continue;
      if (data !== "") await this.#memory.update(lastDataKey, data);
      return data;
    }
  }

  #items(optional: boolean): readonly DataItem[] {
    const last = this.#memory.get<string>(lastDataKey);
    const none = { label: vscode.l10n.t("No data"), data: "" };
    const used =
      last === undefined || last === included
        ? []
        : [
            {
              label: basename(last),
              description: vscode.l10n.t("used last"),
              detail: last,
              data: last,
            },
          ];
    return [
      ...(optional ? [none] : []),
      ...used,
      {
        label: included,
        description: vscode.l10n.t("1,797 handwritten digits, included"),
        data: included,
      },
      { label: vscode.l10n.t("$(folder-opened) Browse…"), data: undefined },
    ];
  }
}

async function chooseFile(model: vscode.Uri): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: true,
    defaultUri: vscode.Uri.joinPath(model, ".."),
  });
  return chosen?.[0]?.fsPath;
}
