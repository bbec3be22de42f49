import * as vscode from "vscode";
import type { PassSelection } from "../../protocol/model-page.ts";
import type { ModelTextView } from "../../protocol/model-text.ts";
import { reportingFailure } from "../model/apply-pass.ts";
import { showsCodeLens } from "../settings.ts";
import { DIAGNOSTIC_SOURCE, diagnosticOf } from "../text/finding-diagnostics.ts";
import { type ChangeParts, changeText } from "./change-text.ts";
import { APPLY_TO_TEXT, LayerActions } from "./layer-actions.ts";
import { LayerHovers } from "./layer-hovers.ts";
import { LayerSymbols, rangeOf } from "./layer-symbols.ts";
import { MODEL_JSON, ModelJsonTexts } from "./model-json-texts.ts";

/** A model.json that is open as text: outline, findings, light bulbs and hovers. */
export function registerModelJson(parts: ChangeParts, extension: vscode.Uri): vscode.Disposable {
  const { engine } = parts;
  const texts = new ModelJsonTexts(engine);
  const { languages } = vscode;
  return vscode.Disposable.from(
    texts,
    languages.registerDocumentSymbolProvider(MODEL_JSON, new LayerSymbols(texts), {
      label: "NormLens",
    }),
    languages.registerHoverProvider(MODEL_JSON, new LayerHovers(texts, engine)),
    languages.registerCodeActionsProvider(
      MODEL_JSON,
      new LayerActions(texts, engine),
      LayerActions.metadata,
    ),
    languages.registerCodeLensProvider(MODEL_JSON, new OpenLens(texts)),
    publishLayerDiagnostics(texts, extension),
    vscode.commands.registerCommand(APPLY_TO_TEXT, (model: unknown, selection: unknown) =>
      reportingFailure(async () => {
        if (!(model instanceof vscode.Uri) || !isSelection(selection)) return;
        await changeText(parts, await vscode.workspace.openTextDocument(model), selection);
      }),
    ),
  );
}

function publishLayerDiagnostics(texts: ModelJsonTexts, extension: vscode.Uri): vscode.Disposable {
  const collection = vscode.languages.createDiagnosticCollection("normlens-model-json");
  return vscode.Disposable.from(
    collection,
    texts.onDidRead(({ document, view }) => {
      collection.set(document.uri, view === undefined ? [] : diagnosticsOf(view, extension));
    }),
  );
}

function diagnosticsOf({ findings, problem }: ModelTextView, extension: vscode.Uri) {
  if (problem === undefined) {
    return findings.map((finding) => diagnosticOf(finding, rangeOf(finding.range), extension));
  }
  const diagnostic = new vscode.Diagnostic(
    rangeOf(problem.range),
    problem.message,
    vscode.DiagnosticSeverity.Error,
  );
  diagnostic.source = DIAGNOSTIC_SOURCE;
  return [diagnostic];
}

/** "Open with NormLens" above the first line of a model. */
class OpenLens implements vscode.CodeLensProvider {
  readonly #texts: ModelJsonTexts;

  constructor(texts: ModelJsonTexts) {
    this.#texts = texts;
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    if (!showsCodeLens(document.uri) || (await this.#texts.view(document)) === undefined) return [];
    const title = vscode.l10n.t("Open with NormLens");
    const command = { title, command: "normlens.openWith", arguments: [document.uri] };
    return [new vscode.CodeLens(new vscode.Range(0, 0, 0, 0), command)];
  }
}

function isSelection(value: unknown): value is PassSelection {
  return typeof value === "object" && value !== null && "pass" in value;
}
