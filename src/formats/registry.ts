import { open, stat } from "node:fs/promises";
import { extname } from "node:path";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import type { CarriedModel } from "./layers/carried/carried-model.ts";
import type { LayersModel, TargetDialect } from "./layers/from-graph/layers-model.ts";
import { layersSource } from "./layers/layers-source.ts";
import { requireSameGraph } from "./layers/same-graph.ts";
import { inFile, readModelFile } from "./onnx/model-file.ts";
import { readModel as readOnnx, readModelAsNeeded as readOnnxAsNeeded } from "./onnx/read.ts";
import { type SaveOptions, saveModel as saveOnnx } from "./onnx/write.ts";
import { inTargetFolder, requireTargetFolder } from "./target-folder.ts";

/** A kind of model file. What reads and writes it is loaded when it is needed. */
interface Format {
  /** As in GraphSource.format. */
  readonly id: string;
  readonly extensions: readonly string[];
  /** Whether a file that begins with these bytes is of this kind. */
  matches(start: Uint8Array): boolean;
  read(path: string, home: string): Promise<Graph>;
  /** The same with most of the file read later; left out where a file is always read whole. */
  readAsNeeded?(path: string): Promise<Graph>;
  save(graph: Graph, target: string, options: SaveOptions): Promise<number>;
  /** The other files that a model consists of, relative to its folder; left out where there are none. */
  otherFiles?(path: string): Promise<readonly string[]>;
  /** Refuses a graph that the format has no place for; left out where it has one for every graph. */
  check?(graph: Graph): Promise<void>;
  /** For a format that is made of layers: a file of its own for layers that come from elsewhere. */
  readonly layers?: LayersTarget;
  /** The config and the weights of a model, with its changes in them, to be written in another format. */
  carried?(graph: Graph): Promise<CarriedModel>;
}

export interface LayersTarget {
  readonly dialect: TargetDialect;
  encode(model: LayersModel, producer: string): Promise<NewModel>;
  /** A model whose config and weights stay as another format has them; left out where none can. */
  carry?(model: CarriedModel): Promise<NewModel>;
}

/** A model that is ready to be written. */
export interface NewModel {
  /** What reading the files gives. */
  read(): Promise<Graph>;
  /** All or nothing. Returns the size written in bytes. */
  save(target: string, options: SaveOptions): Promise<number>;
}

const onnx: Format = {
  id: "onnx",
  extensions: [".onnx"],
  matches: () => true,
  read: readOnnx,
  readAsNeeded: readOnnxAsNeeded,
  save: saveOnnx,
};

const tfjs: Format = {
  id: "tfjs",
  extensions: [".json"],
  matches: (start) => /^(\u00EF\u00BB\u00BF)?\s*\{/.test(new TextDecoder("latin1").decode(start)),
  read: readTensorFlowJs,
  save: async (graph, target, options) =>
    (await import("./tfjs/write.ts")).saveTfjs(graph, target, options),
  otherFiles: async (path) => (await import("./tfjs/shard-paths.ts")).shardPaths(path),
  check: async (graph) => {
    (await import("./tfjs/write.ts")).encodeTfjs(graph);
  },
  layers: {
    dialect: "tfjs",
    encode: async (model, producer) =>
      (await import("./tfjs/new-model.ts")).newTfjsModel(model, producer),
  },
};

const keras: Format = {
  id: "keras",
  extensions: [".keras"],
  // The signature of a zip archive's first entry.
  matches: (start) => startsWith(start, [0x50, 0x4b, 3, 4]),
  read: async (path) => {
    const { readKeras } = await import("./keras/read.ts");
    const bytes = await readModelFile(path);
    try {
      return await readKeras(bytes);
    } catch (error) {
      throw inFile(error, path);
    }
  },
  save: async (graph, target, options) =>
    (await import("./keras/write.ts")).saveKeras(graph, target, options),
  check: async (graph) => {
    await (await import("./keras/write.ts")).encodeKeras(graph);
  },
  layers: {
    dialect: "keras3",
    encode: async (model) => (await import("./keras/new-model.ts")).newKerasModel(model),
    carry: async (model) => (await import("./keras/carried.ts")).carriedToKeras(model),
  },
  carried: async (graph) => {
    const { carriedFromKeras } = await import("./keras/carried.ts");
    if (isAsRead(graph)) return carriedFromKeras(graph);
    const { readKeras } = await import("./keras/read.ts");
    const { encodeKeras } = await import("./keras/write.ts");
    return carriedFromKeras(await readKeras(await encodeKeras(graph)));
  },
};

const kerasH5: Format = {
  id: "keras-h5",
  extensions: [".h5", ".hdf5"],
  matches: (start) => startsWith(start, [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]),
  read: async (path) => {
    const { readKerasH5 } = await import("./keras-h5/read.ts");
    const bytes = await readModelFile(path);
    try {
      return await readKerasH5(bytes);
    } catch (error) {
      throw inFile(error, path);
    }
  },
  save: async (graph, target, options) =>
    (await import("./keras-h5/write.ts")).saveKerasH5(graph, target, options),
  check: async (graph) => {
    await (await import("./keras-h5/write.ts")).encodeKerasH5(graph);
  },
  layers: {
    dialect: "keras3",
    encode: async (model) => (await import("./keras-h5/new-model.ts")).newKerasH5Model(model),
    carry: async (model) => (await import("./keras-h5/carried.ts")).carriedToH5(model),
  },
  carried: async (graph) => {
    const { carriedFromH5 } = await import("./keras-h5/carried.ts");
    if (isAsRead(graph)) return carriedFromH5(graph);
    const { readKerasH5 } = await import("./keras-h5/read.ts");
    const { encodeKerasH5 } = await import("./keras-h5/write.ts");
    return carriedFromH5(await readKerasH5(await encodeKerasH5(graph)));
  },
};

const tfjsGraph: Format = {
  id: "tfjs-graph",
  extensions: [".json"],
  // A model.json says what it holds behind its weights' names, far from its beginning.
  matches: tfjs.matches,
  read: readTensorFlowJs,
  save: async (graph, target, options) =>
    (await import("./tfjs-graph/write.ts")).saveGraphModel(graph, target, options),
  check: async (graph) => {
    (await import("./tfjs-graph/write.ts")).encodeGraphModel(graph);
  },
};

/** A model.json, of layers or of a graph. */
async function readTensorFlowJs(path: string, home: string): Promise<Graph> {
  const bytes = await readModelFile(path);
  try {
    const { readContainer, readLayersModel } = await import("./tfjs/read.ts");
    const container = await readContainer(bytes, home);
    const { isGraphModel, readGraphModel } = await import("./tfjs-graph/read.ts");
    return isGraphModel(container) ? readGraphModel(container) : readLayersModel(container);
  } catch (error) {
    throw inFile(error, path);
  }
}

/** The first one that matches reads a file; ONNX, which has no signature, comes last. */
const FORMATS: readonly Format[] = [tfjs, tfjsGraph, keras, kerasH5, onnx];

/** What tells one format from another stands at the very beginning. */
const START_BYTES = 64;

/**
 * Reads a model of whichever format the file's contents are.
 *
 * @param home the file the model belongs to, where its other files lie, when path is a copy.
 * @throws InputError naming the file and what is wrong with it.
 */
export async function readModel(path: string, home: string = path): Promise<Graph> {
  return (await formatOf(path)).read(path, home);
}

/**
 * The same for a task that ends soon and reads each tensor once or never: a file may be read in parts
 * when they are asked for, and has to stay as it is until then.
 */
export async function readModelAsNeeded(path: string): Promise<Graph> {
  const format = await formatOf(path);
  return format.readAsNeeded?.(path) ?? format.read(path, path);
}

/**
 * The files of a model besides the one that is opened, which saving over it may replace, relative to
 * its folder. External data of ONNX is not among them: it can take gigabytes, and is never overwritten.
 */
export async function otherFiles(path: string): Promise<readonly string[]> {
  return (await (await formatOf(path)).otherFiles?.(path)) ?? [];
}

function startsWith(start: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, index) => start[index] === byte);
}

async function formatOf(path: string): Promise<Format> {
  const start = await startOf(path);
  return FORMATS.find((candidate) => candidate.matches(start)) ?? onnx;
}

/**
 * Writes a model, all or nothing, in the format that the target's name says; in the one it was read
 * from where the name says none. The target's folder is made where there is none.
 *
 * @returns the size written in bytes, other files of the model included.
 */
export async function saveModel(
  graph: Graph,
  target: string,
  options: SaveOptions = {},
): Promise<number> {
  const format = targetFormat(graph, target);
  return inTargetFolder(target, () => format.save(graph, target, options));
}

/**
 * A model as the format that it is to be written in sees it: what the format it was read from has no
 * place for, another one may have.
 */
export function forTarget(graph: Graph, target: string): Graph {
  const kept = targetFormat(graph, target).id === graph.source.format;
  return kept ? graph : { ...graph, source: { format: "memory" } };
}

/**
 * Whether saveModel could write the graph, for work that takes long before there is something to
 * save.
 *
 * @throws InputError saying what the format has no place for, or why no file can be there.
 */
export async function requireWritable(graph: Graph, target: string): Promise<void> {
  await requireTargetFolder(target);
  await targetFormat(graph, target).check?.(graph);
}

/** Whether nothing of a model of layers was changed since it was read. */
function isAsRead(graph: Graph): boolean {
  const read = layersSource(graph)?.read;
  return graph.nodes === read?.nodes && graph.initializers === read.initializers;
}

/**
 * The layers that a graph was read from, with its changes in them, in another format of layers: read again it is the same
 * graph, node for node and number for number.
 *
 * @returns undefined where one of the formats has no place for it.
 */
export async function carriedOver(
  graph: Graph,
  { carry }: LayersTarget,
): Promise<NewModel | undefined> {
  const format = FORMATS.find(({ id }) => id === graph.source.format);
  if (carry === undefined || format?.carried === undefined) return undefined;
  try {
    const made = await carry(await format.carried(graph));
    requireSameGraph(graph, await made.read(), "a model of that format");
    return made;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/**
 * The format that a file's name says.
 *
 * @throws InputError where it says none.
 */
export function namedFormat(target: string): {
  readonly id: string;
  readonly layers?: LayersTarget;
} {
  const ending = extname(target).toLowerCase();
  const named = FORMATS.find(({ extensions }) => extensions.includes(ending));
  if (named !== undefined) return named;
  const endings = [...new Set(FORMATS.flatMap(({ extensions }) => extensions))].join(", ");
  throw new InputError(`${target}: its ending names no format of models; use one of ${endings}`);
}

function targetFormat(graph: Graph, target: string): Format {
  const ending = extname(target).toLowerCase();
  const named = FORMATS.filter(({ extensions }) => extensions.includes(ending));
  const own = FORMATS.find(({ id }) => id === graph.source.format);
  // Several formats may share an ending.
  return named.find((format) => format === own) ?? named[0] ?? own ?? onnx;
}

/** Nothing for a file that cannot be read: the reader says what is wrong with it. */
async function startOf(path: string): Promise<Uint8Array> {
  // Opening a pipe would wait for somebody to write into it.
  const info = await stat(path).catch(() => undefined);
  const handle = info?.isFile() ? await open(path, "r").catch(() => undefined) : undefined;
  if (handle === undefined) return new Uint8Array();
  try {
    const start = new Uint8Array(START_BYTES);
    const { bytesRead } = await handle.read(start, 0, START_BYTES, 0);
    return start.subarray(0, bytesRead);
  } catch {
    return new Uint8Array();
  } finally {
    await handle.close();
  }
}
