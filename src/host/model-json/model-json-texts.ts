import { basename } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as vscode from "vscode";
import type { ModelTextRequest, ModelTextView } from "../../protocol/model-text.ts";
import type { EngineClient } from "../engine/engine-client.ts";

/** Which files are looked at; the engine then says whether one is a model. */
export const MODEL_JSON: vscode.DocumentFilter = { scheme: "file", pattern: "**/model.json" };

/** While somebody types, the engine is asked once there is a pause of so many milliseconds. */
const pause = 300;
/** Topologies of thousands of layers take a few megabytes. */
const largestText = 32 * 2 ** 20;

interface KnownText {
  readonly version: number;
  readonly asking: vscode.CancellationTokenSource;
  readonly view: Promise<ModelTextView | undefined>;
}

/** What was read of a text: undefined where it is no model. */
export interface ReadText {
  readonly document: vscode.TextDocument;
  readonly view: ModelTextView | undefined;
}

/**
 * The model.json files that are open as text, saved or not, and what the engine says of them. A file
 * of that name that is no model is never mentioned.
 */
export class ModelJsonTexts {
  readonly #engine: EngineClient;
  readonly #known = new Map<string, KnownText>();
  readonly #read = new vscode.EventEmitter<ReadText>();
  readonly #subscriptions: vscode.Disposable[];
  readonly onDidRead = this.#read.event;

  constructor(engine: EngineClient) {
    this.#engine = engine;
    const look = (document: vscode.TextDocument) => {
      if (isCandidate(document)) void this.view(document);
    };
    this.#subscriptions = [
      vscode.workspace.onDidOpenTextDocument(look),
      vscode.workspace.onDidChangeTextDocument(({ document }) => look(document)),
      vscode.workspace.onDidCloseTextDocument((document) => this.#forget(document)),
      // The weights may be others by now; while nothing has changed the engine knows the answer.
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        if (editor !== undefined) void this.#lookAgain(editor.document);
      }),
    ];
    for (const document of vscode.workspace.textDocuments) look(document);
  }

  /** What is known of the text as it is now; undefined for no model, and for a text that changed since. */
  view(document: vscode.TextDocument): Promise<ModelTextView | undefined> {
    const key = document.uri.toString();
    const known = this.#known.get(key);
    if (known?.version === document.version) return known.view;
    known?.asking.cancel();
    const asking = new vscode.CancellationTokenSource();
    const view = this.#ask(document, known === undefined ? 0 : pause, asking.token);
    this.#known.set(key, { version: document.version, asking, view });
    return view;
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    for (const { asking } of this.#known.values()) asking.cancel();
    this.#read.dispose();
  }

  async #ask(
    document: vscode.TextDocument,
    delay: number,
    token: vscode.CancellationToken,
  ): Promise<ModelTextView | undefined> {
    if (delay > 0) await new Promise((wake) => setTimeout(wake, delay));
    if (token.isCancellationRequested) return undefined;
    const view = await this.#request(document, token);
    if (token.isCancellationRequested) return undefined;
    this.#read.fire({ document, view });
    return view;
  }

  async #request(document: vscode.TextDocument, token: vscode.CancellationToken) {
    const request = requestOf(document);
    if (!mayBeModel(request.text)) return undefined;
    try {
      return (await this.#engine.request("modelText", request, { token })) ?? undefined;
    } catch {
      // Cancelled, or the log has what went wrong; the text is looked at again with its next change.
      return undefined;
    }
  }

  /** Asks once more for a text that is the same as before, and tells only what has changed. */
  async #lookAgain(document: vscode.TextDocument): Promise<void> {
    const key = document.uri.toString();
    const known = this.#known.get(key);
    const before = await known?.view;
    if (known === undefined || this.#known.get(key) !== known) return;
    const view = await this.#request(document, known.asking.token);
    if (this.#known.get(key) !== known || isDeepStrictEqual(view, before)) return;
    this.#known.set(key, { ...known, view: Promise.resolve(view) });
    this.#read.fire({ document, view });
  }

  #forget(document: vscode.TextDocument): void {
    const key = document.uri.toString();
    const known = this.#known.get(key);
    if (known === undefined) return;
    known.asking.cancel();
    this.#known.delete(key);
    this.#read.fire({ document, view: undefined });
  }
}

export function requestOf(document: vscode.TextDocument): ModelTextRequest {
  return { path: document.uri.fsPath, text: document.getText() };
}

export function isCandidate({ uri }: vscode.TextDocument): boolean {
  return uri.scheme === "file" && basename(uri.path) === "model.json";
}

/** Whether it is worth asking: most files of this name elsewhere have nothing to do with networks. */
function mayBeModel(text: string): boolean {
  return text.length <= largestText && text.includes('"modelTopology"');
}
