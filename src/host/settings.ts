import { isAbsolute, join } from "node:path";
import * as vscode from "vscode";

const section = "normlens";

/** Whether a change is compared with the original on test inputs before it is made. */
export function verifiesEdits(resource: vscode.Uri): boolean {
  return configuration(resource).get<boolean>("certificate.verifyEdits", true);
}

/** The data set that certificates use besides their own inputs, if one is set. */
export function certificateData(resource: vscode.Uri): string | undefined {
  return resolved(configuration(resource).get<string>("certificate.data", ""), resource);
}

export function trainingThreads(resource: vscode.Uri): number {
  return configuration(resource).get<number>("training.threads", 0);
}

/** Whether a model.json that is open as text offers the model's page above its first line. */
export function showsCodeLens(resource: vscode.Uri): boolean {
  return configuration(resource).get<boolean>("modelJson.codeLens", true);
}

/** Arguments for Node of the engine process. */
export function engineArguments(): readonly string[] {
  const megabytes = vscode.workspace.getConfiguration(section).get<number>("engine.memoryLimit", 0);
  return megabytes > 0 ? [`--max-old-space-size=${Math.floor(megabytes)}`] : [];
}

/** Where runs of this model go: the setting, relative to its workspace folder or its own folder. */
export function runsFolder(resource: vscode.Uri, fallback: vscode.Uri): string {
  const setting = configuration(resource).get<string>("runsFolder", "") || "normlens-runs";
  return resolved(setting, resource) ?? join(fallback.fsPath, "normlens-runs");
}

function configuration(resource: vscode.Uri): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration(section, resource);
}

function resolved(path: string, resource: vscode.Uri): string | undefined {
  if (path === "") return undefined;
  if (isAbsolute(path)) return path;
  const folder = vscode.workspace.getWorkspaceFolder(resource)?.uri;
  if (folder?.scheme === "file") return join(folder.fsPath, path);
  if (resource.scheme !== "file") return undefined;
  return join(vscode.Uri.joinPath(resource, "..").fsPath, path);
}
