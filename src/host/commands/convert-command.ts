import { basename, extname } from "node:path";
import * as vscode from "vscode";
import { withSlowProgress } from "../progress.ts";
import { certificateData, verifiesEdits } from "../settings.ts";
import { requireTrust } from "../trust.ts";
import { type HostParts, modelOf, registerCommands } from "./parts.ts";

/** Writes the model as it is now, with its edits, in the format that the chosen name says. */
export function registerConvertCommand(parts: HostParts): vscode.Disposable {
  return registerCommands({
    "normlens.convert": async (value) => {
      const model = modelOf(value);
      if (!(await requireTrust(vscode.l10n.t("Saving a file")))) return;
      const target = await askConvertedTarget(model);
      if (target !== undefined) await convert(parts, model, target);
    },
  });
}

/** Suggests the other format: layers for ONNX, ONNX for everything else. */
async function askConvertedTarget(model: vscode.Uri): Promise<vscode.Uri | undefined> {
  const isOnnx = extname(model.path).toLowerCase() === ".onnx";
  const stem = basename(model.path, extname(model.path));
  const onnx = { [vscode.l10n.t("ONNX")]: ["onnx"] };
  const layers = {
    [vscode.l10n.t("TensorFlow.js layers")]: ["json"],
    [vscode.l10n.t("Keras")]: ["keras", "h5"],
  };
  return vscode.window.showSaveDialog({
    title: vscode.l10n.t("Convert Model"),
    saveLabel: vscode.l10n.t("Convert"),
    defaultUri: vscode.Uri.joinPath(model, "..", isOnnx ? `${stem}.json` : `${stem}.onnx`),
    filters: isOnnx ? { ...layers, ...onnx } : { ...onnx, ...layers },
  });
}

async function convert(
  { documents, engine }: HostParts,
  model: vscode.Uri,
  target: vscode.Uri,
): Promise<void> {
  const document = await documents.obtain(model);
  const data = certificateData(model);
  const { certificate } = await withSlowProgress(
    vscode.l10n.t("Convert {0}", basename(model.path)),
    (token, onProgress) =>
      engine.request(
        "convert",
        {
          ...document.request(),
          target: target.fsPath,
          verify: verifiesEdits(model),
          ...(data === undefined ? {} : { data }),
        },
        { token, onProgress },
      ),
  );
  if (certificate?.pass === false) {
    const name = basename(target.path);
    const message = vscode.l10n.t("{0} was not written. {1}", name, certificate.sentence);
    void vscode.window.showWarningMessage(message);
    return;
  }
  const proof = certificate === undefined ? "" : ` ${certificate.sentence}`;
  void vscode.window.showInformationMessage(
    `${vscode.l10n.t("{0} was written.", basename(target.path))}${proof}`,
  );
}
