import * as vscode from "vscode";

/**
 * A page of the documentation, such as "docs/techniques/findings.md#near-zero-variance", where the
 * installed extension has it.
 *
 * @throws Error for anything but a page of the documentation.
 */
export function helpUri(extension: vscode.Uri, help: string): vscode.Uri {
  const [path = "", fragment = ""] = help.split("#");
  if (!/^docs\/(?:[\w-]+\/)*[\w-]+\.md$/.test(path)) {
    throw new Error(vscode.l10n.t("{0} is no page of the documentation.", help));
  }
  return vscode.Uri.joinPath(extension, path).with({ fragment });
}
