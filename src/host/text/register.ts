import * as vscode from "vscode";
import { FindingActions } from "./finding-actions.ts";
import { publishDiagnostics } from "./finding-diagnostics.ts";
import { TechniqueActions } from "./technique-actions.ts";
import { guardTexts } from "./text-guard.ts";
import { NodeFoldings, NodeHovers, NodeSymbols } from "./text-language.ts";
import { TEXT_LANGUAGE, TEXT_SCHEME } from "./text-uri.ts";
import type { TextViews } from "./text-views.ts";

/** The text of models with everything that a language has in VS Code. */
export function registerTextViews(texts: TextViews, extension: vscode.Uri): vscode.Disposable {
  const selector: vscode.DocumentSelector = { scheme: TEXT_SCHEME, language: TEXT_LANGUAGE };
  return vscode.Disposable.from(
    vscode.workspace.registerFileSystemProvider(TEXT_SCHEME, texts, { isCaseSensitive: true }),
    vscode.languages.registerDocumentSymbolProvider(selector, new NodeSymbols(texts)),
    vscode.languages.registerFoldingRangeProvider(selector, new NodeFoldings(texts)),
    vscode.languages.registerHoverProvider(selector, new NodeHovers(texts)),
    vscode.languages.registerCodeActionsProvider(
      selector,
      new FindingActions(texts),
      FindingActions.metadata,
    ),
    vscode.languages.registerCodeActionsProvider(
      selector,
      new TechniqueActions(texts),
      TechniqueActions.metadata,
    ),
    publishDiagnostics(texts, extension),
    guardTexts(texts),
  );
}
