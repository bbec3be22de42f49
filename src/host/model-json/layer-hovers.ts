import * as vscode from "vscode";
import type { LayerDetail, LayerWeight } from "../../protocol/model-text.ts";
import { fromJsonNumber, type JsonNumber } from "../../protocol/reports.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import { counted } from "../model/edits.ts";
import { layerNamed } from "./layer-symbols.ts";
import { type ModelJsonTexts, requestOf } from "./model-json-texts.ts";

const columns = ["weight", "shape", "mean", "std", "min", "max", "zeros"] as const;

/** Shape, parameters and statistics of the layer whose name is under the pointer. */
export class LayerHovers implements vscode.HoverProvider {
  readonly #texts: ModelJsonTexts;
  readonly #engine: EngineClient;

  constructor(texts: ModelJsonTexts, engine: EngineClient) {
    this.#texts = texts;
    this.#engine = engine;
  }

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    const quoted = quotedAt(document, position);
    const view = quoted && (await this.#texts.view(document));
    const layer = quoted && view && layerNamed(view.model, quoted.text, position);
    if (quoted === undefined || layer === undefined || view?.problem !== undefined) {
      return undefined;
    }
    const request = { ...requestOf(document), layer: layer.path };
    // A layer that computes nothing, or a text that changed meanwhile, has nothing to tell.
    const detail = await this.#engine
      .request("layerDetail", request, { token })
      .catch(() => undefined);
    return detail && new vscode.Hover(hoverText(layer.name, detail), quoted.range);
  }
}

/** The text between the quotes around a position. */
function quotedAt(document: vscode.TextDocument, { line, character }: vscode.Position) {
  const { text } = document.lineAt(line);
  const start = text.lastIndexOf('"', character - (text[character] === '"' ? 1 : 0)) + 1;
  const end = text.indexOf('"', Math.max(start, character));
  if (start === 0 || end < start) return undefined;
  return { text: text.slice(start, end), range: new vscode.Range(line, start, line, end) };
}

/** Names in a model may contain anything: code blocks and appendText escape. */
function hoverText(name: string, detail: LayerDetail): vscode.MarkdownString {
  const { className, output, parameters, calls, weights } = detail;
  const content = new vscode.MarkdownString();
  content.appendCodeblock(`${className} ${name}`, "plaintext");
  const facts = [
    output === "" ? vscode.l10n.t("output shape unknown") : output,
    parameters > 0 ? counted(parameters, "parameter") : vscode.l10n.t("no parameters"),
    ...(calls > 1 ? [vscode.l10n.t("used {0} times", calls)] : []),
  ];
  content.appendText(facts.join(" · "));
  if (weights.length > 0) content.appendCodeblock(table(weights), "plaintext");
  for (const { name: weight, fromOne } of weights) {
    if (fromOne === undefined) continue;
    content.appendText(
      `\n${vscode.l10n.t("{0} is at most {1} away from 1", weight, shown(fromOne))}`,
    );
  }
  return content;
}

function table(weights: readonly LayerWeight[]): string {
  const rows = weights.map(({ name, shape, mean, std, min, max, zeros, count }) => [
    name,
    shape.join("×"),
    ...[mean, std, min, max].map(shown),
    `${((100 * zeros) / count).toFixed(zeros === 0 ? 0 : 1)} %`,
  ]);
  const lines = [[...columns], ...rows];
  const widths = columns.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "))
    .map((line) => line.trimEnd())
    .join("\n");
}

function shown(value: JsonNumber): string {
  return String(Number(fromJsonNumber(value).toPrecision(4)));
}
