import { mkdir, readFile, realpath, rm } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { isList, isObject, type JsonObject } from "../layers/json.ts";
import { findLayerEdits } from "../layers/layer-edits.ts";
import { rewrittenConfig } from "../layers/rewrite-config.ts";
import { requireSameGraph } from "../layers/same-graph.ts";
import { withStoredWeights } from "../layers/stored-weights.ts";
import { changedText } from "../layers/text-edits.ts";
import { type NewFile, newFile } from "../onnx/new-file.ts";
import { asInputError, type SaveOptions } from "../onnx/write.ts";
import { type TfjsContainer, tfjsGraph } from "./read.ts";
import { shardPaths } from "./shard-paths.ts";
import type { LoadedGroup } from "./shards.ts";
import { type TfjsSource, tfjsSource } from "./source.ts";
import { rewrittenGroups, rewrittenManifest, withNumbers } from "./weight-files.ts";

/** The files of a model as they are to be written. */
export interface EncodedModel {
  readonly document: JsonObject;
  readonly text: Uint8Array;
  readonly groups: readonly LoadedGroup[];
}

/**
 * The model in its own files again: what was not changed has the bytes it had. The result is read
 * again and compared with the graph, node for node and number for number.
 *
 * @throws InputError saying what the format has no place for.
 */
export function encodeTfjs(edited: Graph): EncodedModel {
  const graph = withStoredWeights(edited);
  const source = tfjsSource(graph);
  if (source === undefined) {
    throw new InputError(
      "only a model that was read from TensorFlow.js can be written as TensorFlow.js; write it as .onnx",
    );
  }
  const edits = findLayerEdits(source.read, graph, source.records);
  const groups = rewrittenGroups(source.groups, edits);
  const model = rewrittenConfig(source.model, edits);
  const document = rewrittenDocument(source, model, groups);
  const text =
    document === source.document ? source.text : written(document, source.document, source.text);
  const again = tfjsGraph(text, document, groups);
  requireSameGraph(graph, again, "a TensorFlow.js layers model");
  return { document, text, groups };
}

function rewrittenDocument(
  source: TfjsSource,
  model: JsonObject,
  groups: readonly LoadedGroup[],
): JsonObject {
  const { document } = source;
  const manifest = isList(document.weightsManifest) ? document.weightsManifest : [];
  const weightsManifest = rewrittenManifest(groups, source.groups, manifest);
  const sameManifest = weightsManifest.every((group, index) => group === manifest[index]);
  if (model === source.model.raw && sameManifest) return document;
  const topology = document.modelTopology as JsonObject;
  const inside = isObject(topology.model_config);
  const modelTopology = inside ? { ...topology, model_config: model } : model;
  return {
    ...document,
    modelTopology: model === source.model.raw ? topology : modelTopology,
    ...(sameManifest ? {} : { weightsManifest }),
  };
}

/** The text of a document that has become another one: what stays the same is written the same. */
export function written(document: JsonObject, before: JsonObject, text: Uint8Array): Uint8Array {
  return new TextEncoder().encode(changedText(new TextDecoder().decode(text), before, document));
}

/**
 * Writes model.json and its files of weights. No file of weights that differs is ever overwritten:
 * new ones get names of their own, and model.json, which names them, is renamed into place last. What
 * only the overwritten model used is deleted at the end.
 *
 * @returns the size written in bytes.
 */
export async function saveTfjs(
  graph: Graph,
  target: string,
  options: SaveOptions = {},
): Promise<number> {
  return saveEncoded(encodeTfjs(graph), target, options);
}

/** The model that was read with other numbers for the weights that are named. */
export function encodeNumbers(
  { text, document, groups }: TfjsContainer,
  numbers: ReadonlyMap<string, Float32Array>,
): EncodedModel {
  const changed = withNumbers(groups, numbers);
  const manifest = isList(document.weightsManifest) ? document.weightsManifest : [];
  const weightsManifest = rewrittenManifest(changed, groups, manifest);
  if (weightsManifest.every((group, index) => group === manifest[index])) {
    return { text, document, groups: changed };
  }
  const rewritten = { ...document, weightsManifest };
  return { text: written(rewritten, document, text), document: rewritten, groups: changed };
}

/** As saveTfjs. */
export async function saveEncoded(
  encoded: EncodedModel,
  target: string,
  { signal, onProgress }: SaveOptions = {},
): Promise<number> {
  const file = await realpath(target).catch(() => resolve(target));
  const folder = dirname(file);
  const files: NewFile[] = [];
  try {
    const leftOver = await weightFilesOf(file);
    const placed = await placeShards(encoded, folder);
    const total =
      placed.text.length + placed.shards.reduce((sum, { bytes }) => sum + bytes.length, 0);
    let done = 0;
    const write = async (path: string, bytes: Uint8Array) => {
      signal?.throwIfAborted();
      files.push(
        await newFile(path, async (handle) => {
          await handle.writeFile(bytes);
        }),
      );
      done += bytes.length;
      onProgress?.(done / total);
    };
    for (const { path, bytes, present } of placed.shards) {
      if (!present) await write(join(folder, path), bytes);
    }
    await write(file, placed.text);
    for (const each of files) await each.publish();
    const used = new Set(placed.shards.map(({ path }) => path));
    for (const path of leftOver) if (!used.has(path)) await rm(join(folder, path), { force: true });
    return total;
  } catch (error) {
    for (const each of files) await each.discard();
    throw asInputError(error, target);
  }
}

export interface PlacedShard {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** The very same bytes lie there already. */
  readonly present: boolean;
}

/** The names under which the files of weights go into a folder, and model.json with those names. */
export async function placeShards(
  { document, text, groups }: EncodedModel,
  folder: string,
): Promise<{ shards: PlacedShard[]; text: Uint8Array; document: JsonObject }> {
  const shards: PlacedShard[] = [];
  const names = new Map<string, string>();
  for (const { path, bytes } of groups.flatMap((group) => group.shards)) {
    // The model's own folder is the user's to make; those below it belong to the model.
    if (path.includes("/")) await makeFolder(folder, dirname(path));
    await refuseWayOut(folder, path);
    const free = await freeName(folder, path, bytes);
    names.set(path, free.path);
    shards.push({ ...free, bytes });
  }
  if ([...names].every(([before, after]) => before === after)) return { shards, text, document };
  const manifest = (document.weightsManifest as readonly JsonObject[]).map((group) => ({
    ...group,
    paths: (group.paths as readonly string[]).map((path) => names.get(path) ?? path),
  }));
  const renamed = { ...document, weightsManifest: manifest };
  return { shards, text: written(renamed, document, text), document: renamed };
}

async function makeFolder(folder: string, below: string): Promise<void> {
  await realpath(folder);
  await mkdir(join(folder, below), { recursive: true });
}

async function freeName(folder: string, path: string, bytes: Uint8Array) {
  const ending = extname(path);
  const stem = ending === "" ? path : path.slice(0, -ending.length);
  for (let attempt = 1; ; attempt++) {
    const candidate = attempt === 1 ? path : `${stem}-${attempt}${ending}`;
    const there = await readFile(join(folder, candidate)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (there === undefined) return { path: candidate, present: false };
    if (Buffer.compare(there, bytes) === 0) return { path: candidate, present: true };
  }
}

/** A folder that is a link could lead the writing elsewhere. */
async function refuseWayOut(folder: string, path: string): Promise<void> {
  const [stated, real] = [join(folder, path), await realpath(dirname(join(folder, path)))];
  if (dirname(join(await realpath(folder), path)) !== real) {
    throw new InputError(`the folder of ${basename(stated)} leads out of the model's folder`);
  }
}

/** Files that the model at the target uses now and nobody will when it is overwritten. */
async function weightFilesOf(file: string): Promise<readonly string[]> {
  try {
    const paths = await shardPaths(file);
    for (const path of paths) await refuseWayOut(dirname(file), path);
    return paths;
  } catch {
    // It leads elsewhere: none of its files are ours to delete.
    return [];
  }
}
