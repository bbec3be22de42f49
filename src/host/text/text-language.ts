import * as vscode from "vscode";
import { counted } from "../model/edits.ts";
import type { TextViews } from "./text-views.ts";

/** Outline and breadcrumbs: one entry a node. */
export class NodeSymbols implements vscode.DocumentSymbolProvider {
  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  provideDocumentSymbols(document: vscode.TextDocument): vscode.DocumentSymbol[] {
    const symbols = this.#texts.get(document.uri)?.view.symbols ?? [];
    return symbols
      .filter(({ endLine }) => endLine < document.lineCount)
      .map(({ name, detail, line, endLine }) => {
        const range = new vscode.Range(
          document.lineAt(line).range.start,
          document.lineAt(endLine).range.end,
        );
        // An empty name is refused by VS Code and would take the whole outline with it.
        return new vscode.DocumentSymbol(
          name || detail || "?",
          detail,
          vscode.SymbolKind.Function,
          range,
          document.lineAt(line).range,
        );
      });
  }
}

export class NodeFoldings implements vscode.FoldingRangeProvider {
  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  provideFoldingRanges(document: vscode.TextDocument): vscode.FoldingRange[] {
    const foldings = this.#texts.get(document.uri)?.view.foldings ?? [];
    return foldings.map(({ start, end }) => new vscode.FoldingRange(start, end));
  }
}

/** Shape and parameters of the node under the pointer; its findings are diagnostics already. */
export class NodeHovers implements vscode.HoverProvider {
  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    const symbol = this.#texts
      .get(document.uri)
      ?.view.symbols.find(({ line, endLine }) => line <= position.line && position.line <= endLine);
    if (symbol === undefined) return undefined;
    const model = await this.#texts.model(document.uri, token);
    const row = model.rows.find(({ name }) => name === symbol.name);
    if (row === undefined) return undefined;
    // appendText and code blocks escape: names in a model may contain anything.
    const content = new vscode.MarkdownString();
    content.appendCodeblock(`${row.opType} ${row.name}`, "onnx-text");
    const facts = [
      row.output === "" ? vscode.l10n.t("output shape unknown") : row.output,
      row.parameters > 0 ? counted(row.parameters, "parameter") : vscode.l10n.t("no parameters"),
      ...(row.changed ? [vscode.l10n.t("changed since the file")] : []),
    ];
    content.appendText(facts.join(" · "));
    return new vscode.Hover(content, document.lineAt(symbol.line).range);
  }
}
