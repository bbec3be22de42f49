import * as vscode from "vscode";
import { lastModel } from "../context-keys.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import { reportingFailure } from "../model/apply-pass.ts";
import { activeModel, type ModelDocuments } from "../model/model-documents.ts";
import type { ReportDocuments } from "../report-documents.ts";
import type { DataChoice } from "../techniques/data-choice.ts";
import type { TechniqueRunner } from "../techniques/technique-runner.ts";
import { modelUriOf, TEXT_SCHEME } from "../text/text-uri.ts";
import type { TextViews } from "../text/text-views.ts";
import type { TrainingPanels } from "../training/training-panels.ts";

/** What commands work with. */
export interface HostParts {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly engine: EngineClient;
  readonly documents: ModelDocuments;
  readonly reports: ReportDocuments;
  readonly texts: TextViews;
  readonly training: TrainingPanels;
  readonly runner: TechniqueRunner;
  readonly data: DataChoice;
}

export type CommandHandler = (...values: readonly unknown[]) => Promise<void> | void;

/** Registers commands whose failures are shown as one sentence. */
export function registerCommands(handlers: Readonly<Record<string, CommandHandler>>) {
  const registrations = Object.entries(handlers).map(([name, handler]) =>
    vscode.commands.registerCommand(name, (...values: unknown[]) =>
      reportingFailure(async () => handler(...values)),
    ),
  );
  return vscode.Disposable.from(...registrations);
}

/**
 * The model a command is about: what a menu passes (its text stands for it), else the active one,
 * else the one that was active last, for commands of the walkthrough.
 *
 * @throws Error with a sentence when there is none.
 */
export function modelOf(value: unknown): vscode.Uri {
  if (value instanceof vscode.Uri) {
    return value.scheme === TEXT_SCHEME ? modelUriOf(value) : value;
  }
  const active = activeModel() ?? lastModel();
  if (active !== undefined) return active;
  throw new Error(vscode.l10n.t("Open a model first: NormLens: Open Model."));
}
