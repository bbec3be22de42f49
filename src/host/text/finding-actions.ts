import type * as vscode from "vscode";
import { type CommandOf, FINDING_ACTIONS, findingActions, foldAllActions } from "./code-actions.ts";
import { type PlacedFinding, rangeOf } from "./finding-diagnostics.ts";
import type { TextViews } from "./text-views.ts";

/** The light bulbs in the text of a model. They change the model; the text follows. */
export class FindingActions implements vscode.CodeActionProvider {
  static readonly metadata = FINDING_ACTIONS;

  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  provideCodeActions(
    document: vscode.TextDocument,
    range: vscode.Range,
    { diagnostics }: vscode.CodeActionContext,
  ): vscode.CodeAction[] {
    const text = this.#texts.get(document.uri);
    if (text === undefined) return [];
    const { findings } = text.view;
    const commandOf = applyCommand(text.model);
    const touched = findings.filter((finding) => touches(finding, range));
    const actions = touched.flatMap((finding) =>
      findingActions(finding, rangeOf(finding), diagnostics, commandOf),
    );
    return [...actions, ...foldAllActions(findings, commandOf)];
  }
}

/** A finding belongs to its whole line: the bulb should not need an exact column. */
export function touches(finding: PlacedFinding, range: vscode.Range): boolean {
  return finding.line >= range.start.line && finding.line <= range.end.line;
}

/** What a light bulb does; the command asks for what has no sensible default. */
export function applyCommand(model: vscode.Uri): CommandOf {
  return (title, pass, sites) => ({
    title,
    command: "normlens.applyPass",
    arguments: [model, sites === undefined ? { pass } : { pass, sites }],
  });
}
