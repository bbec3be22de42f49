import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import { otherFiles, readModel } from "../formats/registry.ts";
import type { Graph } from "../graph/graph.ts";
import type { DocumentRequest, Edit } from "../protocol/engine.ts";
import type { RequestContext } from "./context.ts";
import { applyEdit } from "./edits.ts";

export interface OpenDocument {
  /** The model as its file has it. */
  readonly original: Graph;
  /** The model after all edits of the request. */
  readonly graph: Graph;
}

interface CachedDocument {
  readonly source: string;
  readonly original: Graph;
  /** The graph after each edit; graphs share what is unchanged, so keeping all is cheap. */
  stages: readonly { readonly key: string; readonly graph: Graph }[];
}

/**
 * The documents this process has read. It is only a cache: each request states the file and all
 * edits, so a new process answers the same as the one that died.
 */
export class Documents {
  readonly #cached = new Map<string, Promise<CachedDocument>>();

  async get(request: DocumentRequest, context: RequestContext): Promise<OpenDocument> {
    const document = await this.#read(request);
    const stages: { key: string; graph: Graph }[] = [];
    for (const [position, edit] of request.edits.entries()) {
      const key = editKey(edit);
      const known = document.stages[position];
      if (known?.key === key && stages.length === position) {
        stages.push(known);
        continue;
      }
      const before = stages.at(-1)?.graph ?? document.original;
      stages.push({ key, graph: await applyEdit(before, edit, context) });
      // What follows in the cache was made from another graph and must not be reused.
      document.stages = stages.slice();
    }
    // A shorter list is an undo; the longer cached one stays for the redo.
    if (stages.length > document.stages.length) document.stages = stages;
    return { original: document.original, graph: stages.at(-1)?.graph ?? document.original };
  }

  forget(path: string): void {
    this.#cached.delete(path);
  }

  async #read(request: DocumentRequest): Promise<CachedDocument> {
    const source = request.source ?? request.path;
    const cached = await this.#cached.get(request.path);
    if (cached !== undefined && cached.source === source) return cached;
    if (cached !== undefined) {
      // The same bytes under a new name, made by saving over the file: nothing to read again.
      const moved: CachedDocument = { ...cached, source };
      this.#cached.set(request.path, Promise.resolve(moved));
      return moved;
    }
    const reading = homeOf(source, request.path)
      .then((home) => readModel(source, home))
      .then((original): CachedDocument => ({ source, original, stages: [] }));
    this.#cached.set(request.path, reading);
    reading.catch(() => this.#cached.delete(request.path));
    return reading;
  }
}

/** Where a model's other files are: a copy may have brought its own along. */
async function homeOf(source: string, path: string): Promise<string> {
  if (source === path) return path;
  const files = await otherFiles(source);
  const isThere = (file: string) => access(join(dirname(source), file)).then(() => true);
  const there = await Promise.all(files.map((file) => isThere(file).catch(() => false)));
  return files.length > 0 && there.every(Boolean) ? source : path;
}

function editKey(edit: Edit): string {
  return JSON.stringify(edit);
}
