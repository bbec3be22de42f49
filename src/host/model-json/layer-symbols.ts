import * as vscode from "vscode";
import type { LayerSymbol, TextRange } from "../../protocol/model-text.ts";
import type { ModelJsonTexts } from "./model-json-texts.ts";

/** Outline and breadcrumbs of a model.json: the model, its layers, and the models inside. */
export class LayerSymbols implements vscode.DocumentSymbolProvider {
  readonly #texts: ModelJsonTexts;

  constructor(texts: ModelJsonTexts) {
    this.#texts = texts;
  }

  async provideDocumentSymbols(document: vscode.TextDocument): Promise<vscode.DocumentSymbol[]> {
    const view = await this.#texts.view(document);
    return view === undefined ? [] : [symbolOf(view.model)];
  }
}

function symbolOf(layer: LayerSymbol): vscode.DocumentSymbol {
  const { name, className, path, children } = layer;
  const isModel = path === "" || children.length > 0;
  const kind = isModel ? vscode.SymbolKind.Module : vscode.SymbolKind.Function;
  // An empty name is refused by VS Code and would take the whole outline with it.
  const named = name || className || "?";
  const [range, label] = [rangeOf(layer.range), rangeOf(layer.label)];
  const symbol = new vscode.DocumentSymbol(named, className, kind, range, label);
  symbol.children = children.map(symbolOf);
  return symbol;
}

export function rangeOf({ start, end }: TextRange): vscode.Range {
  return new vscode.Range(start.line, start.character, end.line, end.character);
}

/** The innermost layer around a position; undefined outside all of them. */
export function layerAt(model: LayerSymbol, position: vscode.Position): LayerSymbol | undefined {
  const child = model.children.find(({ range }) => rangeOf(range).contains(position));
  return child === undefined ? undefined : (layerAt(child, position) ?? child);
}

/**
 * The layer that a name means at a position: the one around it, or one of the same model, whose
 * names stand in inbound_nodes.
 */
export function layerNamed(
  model: LayerSymbol,
  name: string,
  position: vscode.Position,
): LayerSymbol | undefined {
  const child = model.children.find(({ range }) => rangeOf(range).contains(position));
  const inside = child && layerNamed(child, name, position);
  if (inside !== undefined) return inside;
  if (child?.name === name) return child;
  return model.children.find((layer) => layer.name === name);
}
