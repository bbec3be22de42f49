import { existsSync } from "node:fs";
import { basename, extname } from "node:path";
import * as vscode from "vscode";
import type { PassStep } from "../../protocol/training.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import { editOf, FOLD_BATCH_NORM, nothingDone, sentenceAbout } from "../model/edits.ts";
import type { ModelDocuments } from "../model/model-documents.ts";
import { shownName } from "../model/shown-name.ts";
import { withSlowProgress } from "../progress.ts";
import { askTarget } from "../save-file.ts";
import { requireTrust } from "../trust.ts";
import { reportHtml } from "./report-html.ts";
import type { TrainingRun } from "./training-run.ts";

/** What can be done with a finished run. Each returns the sentence for the page, or undefined. */
export class RunResults {
  readonly #engine: EngineClient;
  readonly #documents: ModelDocuments;
  readonly #extension: vscode.Uri;

  constructor(engine: EngineClient, documents: ModelDocuments, extension: vscode.Uri) {
    this.#engine = engine;
    this.#documents = documents;
    this.#extension = extension;
  }

  async saveModel(run: TrainingRun): Promise<string | undefined> {
    const best = bestOf(run);
    const target = await askTarget(run.model, nameFor(run, "trained.onnx"));
    if (target === undefined) return undefined;
    await vscode.workspace.fs.copy(vscode.Uri.file(best), target, { overwrite: true });
    return vscode.l10n.t("Saved {0}.", basename(target.path));
  }

  async foldAndSave(run: TrainingRun): Promise<string | undefined> {
    const document = { path: bestOf(run), edits: [] };
    const selection = { pass: FOLD_BATCH_NORM };
    const report = await withSlowProgress(vscode.l10n.t("Fold BatchNorm"), (token, onProgress) =>
      this.#engine.request(
        "preview",
        { ...document, ...selection, verify: true },
        { token, onProgress },
      ),
    );
    if (report.applied.length === 0) return nothingDone(report);
    const target = await askTarget(run.model, nameFor(run, "trained-folded.onnx"));
    if (target === undefined) return undefined;
    await this.#engine.request("save", {
      ...document,
      edits: [editOf(selection, report)],
      target: target.fsPath,
    });
    return vscode.l10n.t("Saved {0}. {1}", basename(target.path), sentenceAbout(report));
  }

  /**
   * Takes the best model into the editor.
   *
   * A run that began with passes trained another graph, whose weights fit no other. The whole model
   * comes as one edit: one Undo takes it back, and a replay after a crash reads one file that does
   * not change any more. The passes as edits of their own would start from the file's weights
   * instead of the run's fresh ones, and would measure again, on data that may be gone by then.
   */
  async applyWeights(run: TrainingRun): Promise<string | undefined> {
    if (!(await requireTrust(vscode.l10n.t("Changing a model")))) return undefined;
    const document = await this.#documents.obtain(run.model);
    const stop = run.events.find((event) => event.event === "stop");
    const again = run.events.some((event) => event.event === "retrain");
    const label =
      stop === undefined || again
        ? vscode.l10n.t("Use trained weights")
        : vscode.l10n.t("Use trained weights of epoch {0}", stop.bestEpoch);
    const changed = passesOf(run).length > 0;
    const kind = changed ? "model" : "weights";
    await document.add({ kind, path: bestOf(run), label });
    if (document.state.kind === "failed") throw new Error(document.state.message);
    const sentence = changed
      ? vscode.l10n.t("{0} is the trained model now; save it to keep it.", nameOf(run))
      : vscode.l10n.t("{0} has the trained weights now; save it to keep them.", nameOf(run));
    document.show({ type: "outdated" });
    document.show({ type: "notice", message: sentence });
    return sentence;
  }

  async exportReport(run: TrainingRun): Promise<string | undefined> {
    const target = await askTarget(run.model, nameFor(run, "training-report.html"));
    if (target === undefined) return undefined;
    const html = await reportHtml(this.#extension.fsPath, {
      title: vscode.l10n.t("Training of {0}", nameOf(run)),
      model: nameOf(run),
      passes: [],
      events: run.events,
    });
    await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(html));
    return vscode.l10n.t("Saved {0}.", basename(target.path));
  }
}

/** @throws Error with a sentence when the run has no model yet. */
function bestOf(run: TrainingRun): string {
  const best = run.bestModel;
  if (best !== undefined) return best;
  if (run.folder !== undefined && !existsSync(run.folder)) {
    throw new Error(vscode.l10n.t("The folder of this run is gone: {0}.", run.folder));
  }
  throw new Error(vscode.l10n.t("This run has no model yet: it ended before its first epoch."));
}

/** The passes that changed the model before the run. */
function passesOf(run: TrainingRun): readonly PassStep[] {
  return run.events.find((event) => event.event === "start")?.config.passes ?? [];
}

function nameOf(run: TrainingRun): string {
  return shownName(run.model);
}

function nameFor({ model }: TrainingRun, suffix: string): string {
  return `${basename(model.path, extname(model.path))}-${suffix}`;
}
