import { dirname, extname, join } from "node:path";
import * as vscode from "vscode";
import { requireTrust } from "./trust.ts";

/** Asks where a file goes; the suggestion lies beside the model. */
export async function askTarget(
  beside: vscode.Uri,
  suggestedName: string,
): Promise<vscode.Uri | undefined> {
  if (!(await requireTrust(vscode.l10n.t("Saving a file")))) return undefined;
  const extension = extname(suggestedName).slice(1);
  // A page suggests a name, not a place: whatever folders it names are left out.
  const name = suggestedName.replace(/^.*[\\/]/, "");
  return vscode.window.showSaveDialog({
    defaultUri: beside.with({ path: join(dirname(beside.path), name) }),
    ...(extension === "" ? {} : { filters: { [extension.toUpperCase()]: [extension] } }),
  });
}

/** Saves what a page made; undefined when the dialog was cancelled. */
export async function saveBytes(
  beside: vscode.Uri,
  suggestedName: string,
  content: ArrayBuffer,
): Promise<vscode.Uri | undefined> {
  const target = await askTarget(beside, suggestedName);
  if (target !== undefined) {
    await vscode.workspace.fs.writeFile(target, new Uint8Array(content));
  }
  return target;
}
