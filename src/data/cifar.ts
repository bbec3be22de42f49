import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError } from "../graph/input-error.ts";
import { readBoundedFile } from "./bounded-file.ts";
import { ByteSamples } from "./byte-samples.ts";
import type { Dataset } from "./dataset.ts";
import { type DatasetRequest, dataOptions } from "./dataset-request.ts";
import { layoutOf } from "./folders/image-folder.ts";
import { ownParts } from "./idx.ts";

const SIDE = 32;
const PIXELS = SIDE * SIDE;
const CHANNELS = 3;
const IMAGE_BYTES = CHANNELS * PIXELS;

/** One of the two sets of A. Krizhevsky, "Learning multiple layers of features from tiny images" (2009). */
interface CifarKind {
  /** Bytes in front of an image; the last of them is its class. */
  readonly labelBytes: number;
  readonly classes: number;
  /** File with the names of the classes, a line each. */
  readonly names: string;
}

const CIFAR_10: CifarKind = { labelBytes: 1, classes: 10, names: "batches.meta.txt" };
const CIFAR_100: CifarKind = { labelBytes: 2, classes: 100, names: "fine_label_names.txt" };

const TRAINING_FILES = /^(data_batch_\d+|train)\.bin$/;
const TEST_FILES = /^test(_batch)?\.bin$/;

export function isCifarFolder(entries: readonly string[]): boolean {
  return entries.some((name) => TRAINING_FILES.test(name));
}

/**
 * CIFAR-10 or CIFAR-100 in its binary version: a folder of training files with the test file as its test part, or
 * one file.
 */
export async function readCifar(path: string, request: DatasetRequest): Promise<Dataset> {
  const info = await stat(path);
  if (!info.isDirectory()) return readCifarFile(path, request);
  const entries = (await readdir(path)).sort();
  const training = entries.filter((name) => TRAINING_FILES.test(name));
  const test = entries.filter((name) => TEST_FILES.test(name));
  const kind = entries.includes("train.bin") ? CIFAR_100 : CIFAR_10;
  return cifarDataset(path, { kind, training, test }, request);
}

/** CIFAR-100's files are train.bin and test.bin. */
async function readCifarFile(path: string, request: DatasetRequest): Promise<Dataset> {
  const kind = /^(train|test)\.bin$/.test(basename(path)) ? CIFAR_100 : CIFAR_10;
  const data = await cifarDataset(
    dirname(path),
    { kind, training: [basename(path)], test: [] },
    request,
  );
  return { ...data, name: basename(path) };
}

interface CifarFiles {
  readonly kind: CifarKind;
  readonly training: readonly string[];
  readonly test: readonly string[];
}

async function cifarDataset(
  folder: string,
  { kind, training, test }: CifarFiles,
  request: DatasetRequest,
): Promise<Dataset> {
  const files: Uint8Array[] = [];
  for (const name of [...training, ...test])
    files.push(await readRecords(join(folder, name), kind));
  const record = kind.labelBytes + IMAGE_BYTES;
  const counts = files.map((bytes) => bytes.length / record);
  const count = counts.reduce((sum, each) => sum + each, 0);
  const bytes = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Int32Array(count);
  let row = 0;
  for (const file of files) {
    for (let start = 0; start < file.length; start += record, row++) {
      labels[row] = file[start + kind.labelBytes - 1] as number;
      const image = file.subarray(start + kind.labelBytes, start + record);
      bytes.set(image, row * IMAGE_BYTES);
    }
  }
  requireClasses(labels, kind, folder);
  const { range, layout: chosen } = dataOptions(request);
  const layout = chosen === "auto" ? layoutOf(request.input) : chosen;
  const trained = counts.slice(0, training.length).reduce((sum, each) => sum + each, 0);
  return {
    name: basename(folder),
    count,
    sampleShape: layout === "NCHW" ? [CHANNELS, SIDE, SIDE] : [SIDE, SIDE, CHANNELS],
    features: new ByteSamples({ bytes, channels: CHANNELS, pixels: PIXELS, layout, range }),
    targets: { kind: "classes", labels, classNames: await classNames(folder, kind) },
    ...(test.length > 0 ? { parts: ownParts(trained, count) } : {}),
  };
}

async function readRecords(path: string, { labelBytes }: CifarKind): Promise<Uint8Array> {
  const bytes = await readBoundedFile(path);
  const record = labelBytes + IMAGE_BYTES;
  if (bytes.length === 0 || bytes.length % record !== 0) {
    throw new InputError(
      `has ${bytes.length} bytes, which are no whole number of CIFAR's records of ${record}`,
      path,
    );
  }
  return bytes;
}

function requireClasses(labels: Int32Array, { classes }: CifarKind, folder: string): void {
  const bad = labels.findIndex((label) => label >= classes);
  if (bad >= 0) {
    throw new InputError(
      `sample ${bad} has label ${labels[bad]}; CIFAR-${classes} has 0 to ${classes - 1}`,
      folder,
    );
  }
}

async function classNames(
  folder: string,
  { names, classes }: CifarKind,
): Promise<readonly string[]> {
  const text = await readFile(join(folder, names), "utf8").catch(() => "");
  const lines = text.split("\n").map((line) => line.trim());
  const named = lines.filter((line) => line !== "");
  return named.length === classes
    ? named
    : Array.from({ length: classes }, (_, label) => String(label));
}
