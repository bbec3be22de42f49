import { createReadStream, existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import { readBounded } from "./bounded-file.ts";
import { ByteSamples } from "./byte-samples.ts";
import type { Dataset, OwnParts, Targets } from "./dataset.ts";
import { type DatasetRequest, dataOptions } from "./dataset-request.ts";
import { IDX_NAME, type IdxArray, parseIdx } from "./idx-array.ts";

/** Names of the labels' class, 0 … 9 in MNIST; no file of bytes has more. */
const MOST_CLASSES = 256;

/**
 * A file of images in MNIST's format, with the labels beside it; or a folder of both, with the test part that it
 * has: train-images-idx3-ubyte and train-labels-idx1-ubyte, t10k-…; each may be gzipped.
 */
export async function readIdx(path: string, request: DatasetRequest): Promise<Dataset> {
  const info = await stat(path);
  const parts = info.isDirectory() ? await partsOf(path) : [await readPart(path)];
  return byteDataset(basename(path), parts, request);
}

async function partsOf(path: string): Promise<readonly IdxPart[]> {
  const entries = (await readdir(path)).sort();
  const images = entries.filter((name) => IDX_NAME.test(name) && name.includes("images"));
  const training = images.find((name) => name.startsWith("train"));
  const test = images.find((name) => !name.startsWith("train"));
  if (training === undefined) throw new InputError("has no train-images-idx3-ubyte", path);
  const parts = [await readPart(join(path, training))];
  if (test !== undefined) parts.push(await readPart(join(path, test)));
  return parts;
}

interface IdxPart {
  readonly file: string;
  readonly images: IdxArray;
  readonly labels: IdxArray | undefined;
}

async function readPart(path: string): Promise<IdxPart> {
  const images = await readIdxFile(path);
  if (images.shape.length < 2) {
    throw new InputError("has labels and no samples; the file of images is needed", path);
  }
  const labelPath = labelsBeside(path);
  const labels = labelPath === undefined ? undefined : await readIdxFile(labelPath);
  if (labels !== undefined && labels.shape[0] !== images.shape[0]) {
    throw new InputError(
      `has ${labels.shape[0]} labels, but ${basename(path)} has ${images.shape[0]} samples`,
      labelPath,
    );
  }
  return { file: path, images, labels };
}

async function readIdxFile(path: string): Promise<IdxArray> {
  const stream = createReadStream(path);
  // What goes wrong ends both streams; it is told where the second is read.
  const plain = path.endsWith(".gz") ? pipeline(stream, createGunzip(), () => undefined) : stream;
  return parseIdx(await readBounded(plain, path), path);
}

/** train-images-idx3-ubyte → train-labels-idx1-ubyte, gzipped or not, whichever is there. */
function labelsBeside(path: string): string | undefined {
  const name = basename(path);
  const plain = name.replace("images", "labels").replace(/idx\d/, "idx1").replace(/\.gz$/, "");
  const candidates = [plain, `${plain}.gz`].filter((candidate) => candidate !== name);
  return candidates
    .map((candidate) => join(path, "..", candidate))
    .find((file) => existsSync(file));
}

function byteDataset(name: string, parts: readonly IdxPart[], request: DatasetRequest): Dataset {
  const [first, second] = parts as readonly [IdxPart, IdxPart | undefined];
  const sampleShape = first.images.shape.slice(1);
  if (second !== undefined && second.images.shape.slice(1).join() !== sampleShape.join()) {
    throw new InputError(
      `its samples are ${second.images.shape.slice(1).join("×")}, those of ${basename(first.file)} ${sampleShape.join("×")}`,
      second.file,
    );
  }
  const bytes = Buffer.concat(parts.map(({ images }) => images.bytes));
  const count = parts.reduce((sum, { images }) => sum + (images.shape[0] ?? 0), 0);
  const features = new ByteSamples({
    bytes,
    channels: 1,
    pixels: elementCount(sampleShape),
    layout: "NCHW",
    range: dataOptions(request).range,
  });
  const targets = targetsOf(parts);
  return {
    name,
    count,
    sampleShape,
    features,
    ...(targets === undefined ? {} : { targets }),
    ...(second === undefined ? {} : { parts: ownParts(first.images.shape[0] ?? 0, count) }),
  };
}

function targetsOf(parts: readonly IdxPart[]): Targets | undefined {
  const labels = parts.map((part) => part.labels?.bytes);
  if (labels.some((part) => part === undefined)) return undefined;
  const all = Buffer.concat(labels as Uint8Array[]);
  const classes = Math.min(
    MOST_CLASSES,
    all.reduce((largest, label) => Math.max(largest, label), 0) + 1,
  );
  return {
    kind: "classes",
    labels: Int32Array.from(all),
    classNames: Array.from({ length: classes }, (_, label) => String(label)),
  };
}

/** The first rows are the training part, the rest the test part. */
export function ownParts(training: number, count: number): OwnParts {
  const rows = Int32Array.from({ length: count }, (_, row) => row);
  return { train: rows.subarray(0, training), test: rows.subarray(training) };
}
