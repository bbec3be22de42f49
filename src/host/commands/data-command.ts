import * as vscode from "vscode";
import { DEFAULT_TRAINING_CONFIG } from "../../protocol/default-training-config.ts";
import { DataPanel } from "../data/data-panel.ts";
import { activeModel } from "../model/model-documents.ts";
import { closeDialog } from "../techniques/dialog.ts";
import { type HostParts, registerCommands } from "./parts.ts";

/** "Preview Data…": of the file or folder of a menu, or one that is asked for. */
export function registerDataCommand(parts: HostParts): vscode.Disposable {
  const { context, data: choice, documents, engine } = parts;
  return registerCommands({
    "normlens.previewData": async (value) => {
      const model = activeModel();
      // What is chosen lies beside the model, else in the folder that is open.
      const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file("/");
      const beside = model ?? vscode.Uri.joinPath(folder, "data");
      const step = { title: vscode.l10n.t("Preview Data"), step: 1, totalSteps: 1 };
      const chosen =
        value instanceof vscode.Uri
          ? value.fsPath
          : await choice.ask(step, beside, { optional: false }).finally(closeDialog);
      if (typeof chosen !== "string") return;
      const { dataOptions, split, seed, inputScaling } = DEFAULT_TRAINING_CONFIG;
      // What a menu points at is looked at by itself; else the model that is open is what it is for.
      const document =
        model === undefined || value instanceof vscode.Uri
          ? undefined
          : (documents.get(model)?.request() ?? { path: model.fsPath, edits: [] });
      new DataPanel(context.extensionUri, engine, {
        data: chosen,
        dataOptions,
        split,
        seed,
        inputScaling,
        ...(document === undefined ? {} : { model: document }),
      });
    },
  });
}
