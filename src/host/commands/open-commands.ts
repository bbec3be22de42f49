import * as vscode from "vscode";
import { helpUri } from "../help.ts";
import { editorOf } from "../model/model-documents.ts";
import { textUriOf } from "../text/text-uri.ts";
import { type HostParts, modelOf, registerCommands } from "./parts.ts";

export function registerOpenCommands({ context, documents, texts }: HostParts): vscode.Disposable {
  return registerCommands({
    "normlens.openModel": async (value) => {
      const model = value instanceof vscode.Uri ? value : await chooseModel();
      if (model !== undefined) await openPage(model);
    },
    "normlens.openWith": async (value) => {
      const model = value instanceof vscode.Uri ? value : activeFile();
      if (model !== undefined) await openPage(model);
    },
    "normlens.openModelPage": async (value) => {
      const model = modelOf(value);
      const node = texts.nodeAt(vscode.window.activeTextEditor);
      await openPage(model);
      const document = await documents.obtain(model);
      if (node !== undefined) document.show({ type: "reveal", node });
    },
    "normlens.openAsText": async (value) => {
      const text = textUriOf(modelOf(value));
      await vscode.commands.executeCommand("vscode.open", text, { preview: false });
    },
    // A finding's command: a page of the documentation, never called from the palette.
    "normlens.openHelp": async (help) => {
      if (typeof help !== "string") return;
      const page = helpUri(context.extensionUri, help);
      await vscode.commands.executeCommand("markdown.showPreview", page);
    },
    "normlens.openSampleWorkspace": () => openSamples(context),
    "normlens.openSampleModel": async () => {
      await openPage(vscode.Uri.joinPath(await copySamples(context), "digits-cnn.onnx"));
    },
  });
}

/** The file of the active tab, whatever shows it. */
function activeFile(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const hasFile = input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom;
  return hasFile ? input.uri : vscode.window.activeTextEditor?.document.uri;
}

async function openPage(model: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand("vscode.openWith", model, editorOf(model));
}

async function chooseModel(): Promise<vscode.Uri | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: vscode.l10n.t("Open Model"),
    filters: { [vscode.l10n.t("Models")]: ["onnx", "json", "keras", "h5", "hdf5"] },
  });
  return chosen?.[0];
}

async function openSamples(context: vscode.ExtensionContext): Promise<void> {
  const folder = await copySamples(context);
  const forceNewWindow = vscode.workspace.workspaceFolders !== undefined;
  await vscode.commands.executeCommand("vscode.openFolder", folder, { forceNewWindow });
}

/** The samples are copied once, so that the installed ones stay as they are. */
async function copySamples({ extensionUri, globalStorageUri }: vscode.ExtensionContext) {
  const folder = vscode.Uri.joinPath(globalStorageUri, "NormLens samples");
  const samples = vscode.Uri.joinPath(extensionUri, "media", "samples");
  await vscode.workspace.fs.createDirectory(folder);
  const present = await vscode.workspace.fs.readDirectory(folder);
  for (const [name, type] of await vscode.workspace.fs.readDirectory(samples)) {
    if (type !== vscode.FileType.File || present.some(([known]) => known === name)) continue;
    const target = vscode.Uri.joinPath(folder, name);
    await vscode.workspace.fs.copy(vscode.Uri.joinPath(samples, name), target);
  }
  return folder;
}
