import { basename } from "node:path";
import * as vscode from "vscode";
import type { OptionValues, PassSites, TechniqueDescription } from "../../protocol/engine.ts";
import type { PassSelection } from "../../protocol/model-page.ts";
import type { PassReport } from "../../protocol/reports.ts";
import { mustBeAsked, withDefaults } from "../../protocol/technique-options.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import { type ApplyOptions, applyPass } from "../model/apply-pass.ts";
import { nothingDone } from "../model/edits.ts";
import type { ModelDocument } from "../model/model-document.ts";
import { editorOf, type ModelDocuments } from "../model/model-documents.ts";
import { withSlowProgress } from "../progress.ts";
import type { ReportDocuments } from "../report-documents.ts";
import { analysisMarkdown, passReportMarkdown } from "../report-markdown.ts";
import { requireTrust } from "../trust.ts";
import type { DataChoice } from "./data-choice.ts";
import { closeDialog, pickOne } from "./dialog.ts";
import { askData, askOption, askSites } from "./questions.ts";
import type { TechniqueList } from "./technique-list.ts";
import { askAll, type Question } from "./walk.ts";

/** Whether to ask for everything there is to choose, or only for what has no sensible default. */
export type Asking = "everything" | "necessary";

/** What questions are about: an open model, or the text of one. */
export type AskedAbout = Pick<ModelDocument, "uri" | "request">;

export interface RunnerParts {
  readonly engine: EngineClient;
  readonly documents: ModelDocuments;
  readonly reports: ReportDocuments;
  readonly techniques: TechniqueList;
  readonly data: DataChoice;
}

/**
 * Passes and analyses by command, light bulb or button. It knows of them only what the engine says,
 * so that a new one needs nothing here.
 */
export class TechniqueRunner {
  readonly #parts: RunnerParts;
  readonly techniques: TechniqueList;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.techniques = parts.techniques;
  }

  async choosePass(): Promise<PassSelection | undefined> {
    const { passes } = await this.techniques.all();
    const pass = await chooseTechnique(vscode.l10n.t("Apply Technique"), passes);
    return pass === undefined ? undefined : { pass };
  }

  async #chooseAnalysis(): Promise<string | undefined> {
    const { analyses } = await this.techniques.all();
    return chooseTechnique(vscode.l10n.t("Analyze Model"), analyses);
  }

  async apply(document: ModelDocument, selection: PassSelection, asking: Asking): Promise<void> {
    const complete = await this.complete(document, selection, asking);
    if (complete !== undefined) await this.change(document, complete);
  }

  /** Applies what needs no more questions. */
  async change(
    document: ModelDocument,
    selection: PassSelection,
    options: ApplyOptions = {},
  ): Promise<void> {
    if (!(await requireTrust(vscode.l10n.t("Changing a model")))) return;
    const { title } = await this.techniques.pass(selection.pass);
    await applyPass(document, selection, {
      ...options,
      title,
      showReport: (report) => this.showReport(document.uri, report),
    });
  }

  /** Shows on the model's page what a pass would do. */
  async preview(model: vscode.Uri, selection: PassSelection, asking: Asking): Promise<void> {
    await vscode.commands.executeCommand("vscode.openWith", model, editorOf(model));
    const document = await this.#parts.documents.obtain(model);
    const complete = await this.complete(document, selection, asking);
    if (complete === undefined) return;
    const { title } = await this.techniques.pass(selection.pass);
    const report = await withSlowProgress(
      vscode.l10n.t("Preview of {0}", title),
      (token, onProgress) => document.preview(complete, true, token, onProgress),
    );
    document.show({ type: "preview", request: complete, report });
  }

  /** The selection with what was still to be chosen; undefined when somebody left the dialog. */
  async complete(
    document: AskedAbout,
    selection: PassSelection,
    asking: Asking,
  ): Promise<PassSelection | undefined> {
    const pass = await this.techniques.pass(selection.pass);
    if (asking === "necessary" && !mustBeAsked(pass, selection)) return selection;
    try {
      const questions = [
        ...pass.options.map(askOption),
        ...(selection.sites === undefined ? [await this.#siteQuestion(document, pass)] : []),
        askData(pass, this.#parts.data, document.uri),
      ];
      const start = { ...selection, options: withDefaults(pass, selection.options) };
      const answers = await askAll(pass.title, questions, start);
      return answers && { ...answers, pass: pass.id };
    } finally {
      closeDialog();
    }
  }

  async analyze(model: vscode.Uri, id: string | undefined): Promise<void> {
    const { documents, engine, reports } = this.#parts;
    const analysis = id ?? (await this.#chooseAnalysis());
    if (analysis === undefined) return;
    const technique = await this.techniques.analysis(analysis);
    const questions = [
      ...technique.options.map(askOption),
      askData(technique, this.#parts.data, model),
    ];
    const start = { options: withDefaults(technique) };
    const answers = await askAll(technique.title, questions, start).finally(closeDialog);
    if (answers === undefined) return;
    const { options, data } = answers;
    const document = documents.get(model)?.request() ?? { path: model.fsPath, edits: [] };
    const request = { ...document, analysis, options, ...(data === undefined ? {} : { data }) };
    const report = await withSlowProgress(technique.title, (token, onProgress) =>
      engine.request("analyze", request, { token, onProgress }),
    );
    const title = vscode.l10n.t("{0} of {1}", report.title, basename(model.path));
    await reports.show(title, analysisMarkdown(title, report));
  }

  async showReport(model: vscode.Uri, report: PassReport): Promise<void> {
    const title = vscode.l10n.t("{0} of {1}", report.title, basename(model.path));
    await this.#parts.reports.show(title, passReportMarkdown(title, report));
  }

  /** @throws Error with the reason when there is no place, and no option that could make one. */
  async #siteQuestion(document: AskedAbout, pass: TechniqueDescription): Promise<Question> {
    const known = new Map<string, Promise<PassSites>>();
    const find = (options: OptionValues) => {
      const key = JSON.stringify(options);
      const request = { ...document.request(), pass: pass.id, options };
      const sites = known.get(key) ?? this.#parts.engine.request("sites", request);
      known.set(key, sites);
      return sites;
    };
    if (pass.options.length === 0) {
      const { applicable, skipped } = await find({});
      if (applicable.length === 0) throw new Error(nothingDone({ title: pass.title, skipped }));
    }
    // Options that do not fit the model, such as the name of a node, are refused by the pass itself.
    return askSites((options) =>
      find(options).then(
        ({ applicable }) => applicable,
        () => [],
      ),
    );
  }
}

/** The id of the chosen technique; it names what it does as well as its title. */
async function chooseTechnique(
  title: string,
  techniques: readonly TechniqueDescription[],
): Promise<string | undefined> {
  const items = techniques.map((technique) => ({
    label: technique.title,
    detail: technique.description,
    id: technique.id,
  }));
  const placeholder = vscode.l10n.t("Choose what to do");
  const chosen = await pickOne({ title, step: 1, totalSteps: 1 }, { items, placeholder });
  return typeof chosen === "object" ? chosen.id : undefined;
}
