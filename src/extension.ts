import * as vscode from "vscode";
import { registerConvertCommand } from "./host/commands/convert-command.ts";
import { registerDataCommand } from "./host/commands/data-command.ts";
import { registerHistoryCommands } from "./host/commands/history-commands.ts";
import { registerOpenCommands } from "./host/commands/open-commands.ts";
import type { HostParts } from "./host/commands/parts.ts";
import { registerReportCommands } from "./host/commands/report-commands.ts";
import { registerRunCommands } from "./host/commands/run-commands.ts";
import { registerTechniqueCommands } from "./host/commands/technique-commands.ts";
import { trackContextKeys } from "./host/context-keys.ts";
import { EngineClient } from "./host/engine/engine-client.ts";
import type { EngineLaunch } from "./host/engine/engine-process.ts";
import { EngineStatus } from "./host/engine/engine-status.ts";
import { recoverDocuments } from "./host/model/engine-recovery.ts";
import { LAYERS_EDITOR, MODEL_EDITOR, ModelDocuments } from "./host/model/model-documents.ts";
import { ModelEditorProvider } from "./host/model/model-editor-provider.ts";
import { registerModelJson } from "./host/model-json/register.ts";
import { ReportDocuments } from "./host/report-documents.ts";
import { engineArguments } from "./host/settings.ts";
import { DataChoice } from "./host/techniques/data-choice.ts";
import { TechniqueList } from "./host/techniques/technique-list.ts";
import { TechniqueRunner } from "./host/techniques/technique-runner.ts";
import { registerTextViews } from "./host/text/register.ts";
import { TextViews } from "./host/text/text-views.ts";
import { TRAINING_PANEL, TrainingPanels } from "./host/training/training-panels.ts";

/** Registers what the host offers. Nothing is read and no process started before it is needed. */
export function activate(context: vscode.ExtensionContext): void {
  const started = performance.now();
  const parts = createParts(context);
  const { log, engine, documents, reports, runner, texts, training } = parts;
  context.subscriptions.push(
    ...[log, engine, documents, reports, texts, training],
    showEngineStatus(parts),
    recoverDocuments(engine, documents),
    registerModelEditors(parts),
    vscode.window.registerWebviewPanelSerializer(TRAINING_PANEL, training),
    registerTextViews(texts, context.extensionUri),
    registerModelJson(
      { engine, runner, storage: context.storageUri ?? context.globalStorageUri },
      context.extensionUri,
    ),
    trackContextKeys(documents),
    registerOpenCommands(parts),
    registerTechniqueCommands(parts),
    registerHistoryCommands(parts),
    registerReportCommands(parts),
    registerConvertCommand(parts),
    registerDataCommand(parts),
    registerRunCommands(parts),
  );
  log.info(`activated in ${(performance.now() - started).toFixed(1)} ms`);
}

function createParts(context: vscode.ExtensionContext): HostParts {
  const log = vscode.window.createOutputChannel("NormLens", { log: true });
  const launch: EngineLaunch = {
    entry: vscode.Uri.joinPath(context.extensionUri, "dist", "engine.js").fsPath,
    execArgv: engineArguments,
  };
  const createEngine = () => new EngineClient(launch, log);
  const engine = createEngine();
  const documents = new ModelDocuments();
  const reports = new ReportDocuments();
  const techniques = new TechniqueList(engine);
  const data = new DataChoice(context.workspaceState);
  const runner = new TechniqueRunner({ engine, documents, reports, techniques, data });
  const texts = new TextViews(engine, documents);
  // Each run has an engine of its own, which Stop may kill.
  const training = new TrainingPanels(context, engine, documents, techniques, createEngine);
  return { context, log, engine, documents, reports, texts, training, runner, data };
}

/** The status bar's entry; its tooltip names the runtime, which a model that was opened tells. */
function showEngineStatus({ engine, documents }: HostParts): vscode.Disposable {
  const status = new EngineStatus(engine);
  documents.onDidChange((uri) => {
    const state = documents.get(uri)?.state;
    if (state?.kind === "ready") status.setRuntime(state.view.runtime);
  });
  return status;
}

function registerModelEditors({ context, engine, documents, runner }: HostParts) {
  const registrations = [MODEL_EDITOR, LAYERS_EDITOR].map((editor) =>
    vscode.window.registerCustomEditorProvider(
      editor,
      new ModelEditorProvider(context, engine, documents, runner),
      { supportsMultipleEditorsPerDocument: true },
    ),
  );
  return vscode.Disposable.from(...registrations);
}
