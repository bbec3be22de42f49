import { mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import * as vscode from "vscode";
import type { Certificate } from "../../protocol/reports.ts";
import { withSlowProgress } from "../progress.ts";
import { certificateMarkdown, statisticsMarkdown } from "../report-markdown.ts";
import { certificateData } from "../settings.ts";
import { closeDialog } from "../techniques/dialog.ts";
import { type HostParts, modelOf, registerCommands } from "./parts.ts";

const listedModels = 200;
const modelFiles = "**/{*.onnx,model.json,*.keras,*.h5,*.hdf5}";

export function registerReportCommands(parts: HostParts): vscode.Disposable {
  return registerCommands({
    "normlens.verifyAgainst": async (value) => {
      const model = modelOf(value);
      const other = await chooseOther(model);
      if (other !== undefined) await verify(parts, model, other);
    },
    "normlens.showStatistics": (value) => showStatistics(parts, modelOf(value)),
  });
}

async function verify(parts: HostParts, model: vscode.Uri, other: vscode.Uri): Promise<void> {
  const certificate = await withSlowProgress(
    vscode.l10n.t("Verify Against {0}", basename(other.path)),
    (token, onProgress) =>
      withCurrentFile(parts, model, (path): Promise<Certificate> => {
        const data = certificateData(model);
        const request = { a: path, b: other.fsPath, ...(data === undefined ? {} : { data }) };
        return parts.engine.request("verify", request, { token, onProgress });
      }),
  );
  const title = vscode.l10n.t("{0} against {1}", basename(model.path), basename(other.path));
  const details = vscode.l10n.t("Show Details");
  const show = certificate.pass
    ? vscode.window.showInformationMessage
    : vscode.window.showWarningMessage;
  const choice = await show(`${title}: ${certificate.sentence}`, details);
  if (choice === details) await parts.reports.show(title, certificateMarkdown(title, certificate));
}

/** Gives a path that holds the model as it is now: a dirty document is written to a copy. */
async function withCurrentFile<Result>(
  { context, documents, engine }: HostParts,
  model: vscode.Uri,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  const document = documents.get(model);
  if (document === undefined || (!document.dirty && model.scheme === "file")) {
    return use(model.fsPath);
  }
  const folder = join((context.storageUri ?? context.globalStorageUri).fsPath, "outgoing");
  const copy = join(folder, `${Date.now()}-${basename(model.path)}`);
  await mkdir(folder, { recursive: true });
  try {
    await engine.request("save", { ...document.request(), target: copy });
    return await use(copy);
  } finally {
    await rm(copy, { force: true });
  }
}

async function chooseOther(model: vscode.Uri): Promise<vscode.Uri | undefined> {
  const files = await vscode.workspace.findFiles(modelFiles, "**/node_modules/**", listedModels);
  const browse = { label: vscode.l10n.t("$(folder-opened) Browse…"), uri: undefined };
  const items = files
    .filter((uri) => uri.toString() !== model.toString())
    .map((uri) => ({
      label: basename(uri.path),
      description: vscode.workspace.asRelativePath(vscode.Uri.joinPath(uri, "..")),
      uri,
    }));
  const choice = await vscode.window.showQuickPick([...items, browse], {
    title: vscode.l10n.t("Verify Against"),
    placeHolder: vscode.l10n.t("Choose the model to compare with"),
  });
  if (choice === undefined || choice.uri !== undefined) return choice?.uri;
  const filters = { [vscode.l10n.t("Models")]: ["onnx", "json", "keras", "h5", "hdf5"] };
  return (await vscode.window.showOpenDialog({ filters }))?.[0];
}

async function showStatistics(
  { data: choice, documents, engine, reports }: HostParts,
  model: vscode.Uri,
): Promise<void> {
  const step = { title: vscode.l10n.t("Show Activation Statistics"), step: 1, totalSteps: 1 };
  const data = await choice.ask(step, model, { optional: false }).finally(closeDialog);
  if (typeof data !== "string") return;
  const document = documents.get(model)?.request() ?? { path: model.fsPath, edits: [] };
  const { values } = await withSlowProgress(
    vscode.l10n.t("Show Activation Statistics"),
    (token, onProgress) =>
      engine.request("statistics", { ...document, data }, { token, onProgress }),
  );
  const title = vscode.l10n.t("Activations of {0} on {1}", basename(model.path), basename(data));
  await reports.show(title, statisticsMarkdown(title, values));
}
