import * as vscode from "vscode";
import { isCancellation } from "../engine/engine-error.ts";
import { siteActions } from "./code-actions.ts";
import { applyCommand, touches } from "./finding-actions.ts";
import type { TextViews } from "./text-views.ts";

/**
 * Under the light bulb of a node: every pass that could act there. The engine is asked for one node
 * when the cursor is on it; to know all nodes beforehand, every pass would have to look through the
 * whole graph after each edit.
 */
export class TechniqueActions implements vscode.CodeActionProvider {
  static readonly metadata: vscode.CodeActionProviderMetadata = {
    providedCodeActionKinds: [vscode.CodeActionKind.RefactorRewrite],
  };

  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  async provideCodeActions(
    document: vscode.TextDocument,
    range: vscode.Range,
    _context: vscode.CodeActionContext,
    token: vscode.CancellationToken,
  ): Promise<vscode.CodeAction[]> {
    const text = this.#texts.get(document.uri);
    const node = this.#texts.nodeOf(document.uri, range.start.line);
    if (text === undefined || node === undefined) return [];
    const sites = await this.#texts.sitesAt(document.uri, node, token).catch((error: unknown) => {
      if (isCancellation(error)) return [];
      throw error;
    });
    const findings = text.view.findings.filter((finding) => touches(finding, range));
    return siteActions(sites, findings, applyCommand(text.model));
  }
}
