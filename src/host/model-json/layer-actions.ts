import type * as vscode from "vscode";
import type { PassSelection } from "../../protocol/model-page.ts";
import type { LayerSite } from "../../protocol/model-text.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import {
  type CommandOf,
  FINDING_ACTIONS,
  findingActions,
  foldAllActions,
  siteActions,
} from "../text/code-actions.ts";
import { layerAt, rangeOf } from "./layer-symbols.ts";
import { type ModelJsonTexts, requestOf } from "./model-json-texts.ts";

export const APPLY_TO_TEXT = "normlens.applyToText";

/** The light bulbs in a model.json: what its findings propose at a layer, and what passes could do. */
export class LayerActions implements vscode.CodeActionProvider {
  static readonly metadata = FINDING_ACTIONS;

  readonly #texts: ModelJsonTexts;
  readonly #engine: EngineClient;

  constructor(texts: ModelJsonTexts, engine: EngineClient) {
    this.#texts = texts;
    this.#engine = engine;
  }

  async provideCodeActions(
    document: vscode.TextDocument,
    range: vscode.Range,
    { diagnostics }: vscode.CodeActionContext,
    token: vscode.CancellationToken,
  ): Promise<vscode.CodeAction[]> {
    const view = await this.#texts.view(document);
    if (view === undefined || view.problem !== undefined) return [];
    const { model, findings } = view;
    const commandOf = changeCommand(document.uri);
    // A layer's bulb is there on all its lines; a file of one line has all layers on that.
    const layer = layerAt(model, range.start);
    const touched = findings.filter(
      (finding) =>
        finding.layer === layer?.path ||
        (!range.isEmpty && rangeOf(finding.range).intersection(range) !== undefined),
    );
    const fixes = touched.flatMap((finding) =>
      findingActions(finding, rangeOf(finding.range), diagnostics, commandOf),
    );
    const sites = layer === undefined ? [] : await this.#sites(document, layer.path, token);
    const actions = [...fixes, ...siteActions(sites, touched, commandOf)];
    for (const site of sites) {
      const action = site.refusal === undefined ? undefined : actions.find(doing(site));
      if (action !== undefined) disable(action, site.refusal ?? "");
    }
    return [...actions, ...foldAllActions(findings, commandOf)];
  }

  async #sites(document: vscode.TextDocument, layer: string, token: vscode.CancellationToken) {
    const request = { ...requestOf(document), layer };
    // Cancelled, or the text changed meanwhile: VS Code asks again.
    const answer = await this.#engine
      .request("layerSites", request, { token })
      .catch(() => undefined);
    return answer?.sites ?? [];
  }
}

/** What the format has no place for is still listed, with the reason; nothing prefers it. */
function disable(action: vscode.CodeAction, reason: string): void {
  action.disabled = { reason };
  action.isPreferred = false;
  delete action.command;
}

/** Whether an action does what a pass could do at a site. */
function doing({ pass, site }: LayerSite): (action: vscode.CodeAction) => boolean {
  return ({ command }) => {
    const selection: PassSelection | undefined = command?.arguments?.[1];
    return selection?.pass === pass && selection.sites?.[0] === site;
  };
}

function changeCommand(model: vscode.Uri): CommandOf {
  return (title, pass, sites) => ({
    title,
    command: APPLY_TO_TEXT,
    arguments: [model, sites === undefined ? { pass } : { pass, sites }],
  });
}
