import type * as vscode from "vscode";
import type { PassSelection } from "../../protocol/model-page.ts";
import { FOLD_BATCH_NORM } from "../model/edits.ts";
import type { Asking } from "../techniques/technique-runner.ts";
import { type CommandHandler, type HostParts, modelOf, registerCommands } from "./parts.ts";

/** Commands of single techniques, which scripts/technique-commands.ts writes into the manifest. */
const passPrefix = "normlens.pass.";
const analysisPrefix = "normlens.analysis.";

const foldAll: PassSelection = { pass: FOLD_BATCH_NORM };

export function registerTechniqueCommands(parts: HostParts): vscode.Disposable {
  const { context, documents, runner } = parts;
  const apply = async (model: vscode.Uri, selection: PassSelection, asking: Asking) =>
    runner.apply(await documents.obtain(model), selection, asking);
  const declared: { readonly command: string }[] =
    context.extension.packageJSON.contributes.commands;
  const single = declared.flatMap(({ command }): [string, CommandHandler][] => {
    if (command.startsWith(passPrefix)) {
      const pass = command.slice(passPrefix.length);
      return [[command, (value) => apply(modelOf(value), { pass }, "everything")]];
    }
    if (command.startsWith(analysisPrefix)) {
      const analysis = command.slice(analysisPrefix.length);
      return [[command, (value) => runner.analyze(modelOf(value), analysis)]];
    }
    return [];
  });
  return registerCommands({
    ...Object.fromEntries(single),
    // The light bulbs' command: a model and a selection, never called from the palette.
    "normlens.applyPass": async (model, selection) => {
      if (isSelection(selection)) await apply(modelOf(model), selection, "necessary");
    },
    "normlens.applyTechnique": async (value) => {
      const model = modelOf(value);
      const selection = await runner.choosePass();
      if (selection !== undefined) await apply(model, selection, "everything");
    },
    "normlens.previewTechnique": async (value) => {
      const model = modelOf(value);
      const selection = await runner.choosePass();
      if (selection !== undefined) await runner.preview(model, selection, "everything");
    },
    "normlens.analyzeModel": (value, analysis) =>
      runner.analyze(modelOf(value), typeof analysis === "string" ? analysis : undefined),
    "normlens.foldAll": (value) => apply(modelOf(value), foldAll, "necessary"),
    "normlens.foldSelected": (value) => apply(modelOf(value), foldAll, "everything"),
    "normlens.previewFold": (value) => runner.preview(modelOf(value), foldAll, "necessary"),
  });
}

function isSelection(value: unknown): value is PassSelection {
  return typeof value === "object" && value !== null && "pass" in value;
}
