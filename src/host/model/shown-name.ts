import { basename, dirname } from "node:path";
import type * as vscode from "vscode";

/** A model's name for people: most models of TensorFlow.js are a model.json, each in its own folder. */
export function shownName(model: vscode.Uri): string {
  const name = basename(model.path);
  const folder = basename(dirname(model.path));
  return name === "model.json" && folder !== "" ? `${folder}/${name}` : name;
}
