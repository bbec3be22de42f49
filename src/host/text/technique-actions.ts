import * as vscode from "vscode";
import { isCancellation } from "../engine/engine-error.ts";
import { applyCommand } from "./finding-actions.ts";
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
    // What a finding proposes stands higher in the same list.
    const fixes = text.view.findings.flatMap(({ fix, line }) =>
      fix !== undefined && line >= range.start.line && line <= range.end.line ? [fix] : [],
    );
    const others = sites.filter(
      ({ pass, site }) => !fixes.some((fix) => fix.pass === pass && fix.site === site),
    );
    return others.map((found) => {
      // Two passes may say the same of a place, as two ways to fold it; then each says its name too.
      const alike = [...fixes, ...others].filter(({ title }) => title === found.title);
      const title = alike.length > 1 ? `${found.title} (${found.passTitle})` : found.title;
      const action = new vscode.CodeAction(title, vscode.CodeActionKind.RefactorRewrite);
      action.command = applyCommand(title, text.model, found.pass, [found.site]);
      return action;
    });
  }
}
