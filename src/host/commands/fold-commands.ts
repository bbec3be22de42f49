import * as vscode from "vscode";
import type { PassSelection } from "../../protocol/model-page.ts";
import { applyPass } from "../model/apply-pass.ts";
import { FOLD_BATCH_NORM } from "../model/edits.ts";
import { MODEL_EDITOR, type ModelDocuments } from "../model/model-documents.ts";
import { withSlowProgress } from "../progress.ts";
import { requireTrust } from "../trust.ts";
import { type HostParts, modelOf, registerCommands } from "./parts.ts";

const foldAll: PassSelection = { pass: FOLD_BATCH_NORM };

export function registerFoldCommands({ documents }: HostParts): vscode.Disposable {
  const apply = async (model: vscode.Uri, selection: PassSelection) => {
    if (!(await requireTrust(vscode.l10n.t("Changing a model")))) return;
    await applyPass(await documents.obtain(model), selection);
  };
  return registerCommands({
    // The light bulbs' command: a model and a selection, never called from the palette.
    "normlens.applyPass": async (model, selection) => {
      if (isSelection(selection)) await apply(modelOf(model), selection);
    },
    "normlens.foldAll": (value) => apply(modelOf(value), foldAll),
    "normlens.foldSelected": async (value) => {
      const model = modelOf(value);
      const sites = await chooseSites(documents, model);
      if (sites !== undefined) await apply(model, { ...foldAll, sites });
    },
    "normlens.previewFold": (value) => previewFold(documents, modelOf(value)),
  });
}

function isSelection(value: unknown): value is PassSelection {
  return typeof value === "object" && value !== null && "pass" in value;
}

async function previewFold(documents: ModelDocuments, model: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand("vscode.openWith", model, MODEL_EDITOR);
  const document = await documents.obtain(model);
  const report = await withSlowProgress(vscode.l10n.t("Preview Fold"), (token, onProgress) =>
    document.preview(foldAll, true, token, onProgress),
  );
  document.show({ type: "preview", request: foldAll, report });
}

async function chooseSites(
  documents: ModelDocuments,
  model: vscode.Uri,
): Promise<readonly string[] | undefined> {
  const document = await documents.obtain(model);
  if (document.state.kind !== "ready") return undefined;
  const items = document.state.view.report.findings.flatMap(({ fix, node }) =>
    fix?.pass === FOLD_BATCH_NORM
      ? [{ label: fix.title, description: node, site: fix.site, picked: true }]
      : [],
  );
  if (items.length === 0) {
    throw new Error(vscode.l10n.t("No BatchNormalization of this model can be folded."));
  }
  const chosen = await vscode.window.showQuickPick(items, {
    canPickMany: true,
    matchOnDescription: true,
    title: vscode.l10n.t("Fold Selected BatchNorm"),
    placeHolder: vscode.l10n.t("Choose the nodes to fold"),
  });
  return chosen === undefined || chosen.length === 0 ? undefined : chosen.map(({ site }) => site);
}
