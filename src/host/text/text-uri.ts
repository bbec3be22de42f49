import * as vscode from "vscode";

/** The read-only text of a model lives under this scheme, with this extension after the model's. */
export const TEXT_SCHEME = "normlens-text";
export const TEXT_LANGUAGE = "onnx-text";
const extension = ".onnxtxt";

/** The file's own scheme and authority travel in the query; a local file needs none. */
export function textUriOf(model: vscode.Uri): vscode.Uri {
  const local = model.scheme === "file" && model.authority === "";
  const query = local ? "" : JSON.stringify([model.scheme, model.authority]);
  return vscode.Uri.from({ scheme: TEXT_SCHEME, path: `${model.path}${extension}`, query });
}

/** @throws Error when the address is not one that textUriOf made. */
export function modelUriOf(text: vscode.Uri): vscode.Uri {
  if (!text.path.endsWith(extension)) {
    throw new Error(`${text.toString()} is not the text of a model.`);
  }
  const path = text.path.slice(0, -extension.length);
  if (text.query === "") return vscode.Uri.file(path);
  const [scheme, authority]: [string, string] = JSON.parse(text.query);
  return vscode.Uri.from({ scheme, authority, path });
}
