import { isCifarFolder, readCifar } from "./cifar.ts";
import { readCsv } from "./csv.ts";
import { type DatasetReader, startsWith } from "./dataset-reader.ts";
import { readImageFolder } from "./folders/image-folder.ts";
import { readSoundFolder } from "./folders/sound-folder.ts";
import { readIdx } from "./idx.ts";
import { IDX_NAME } from "./idx-array.ts";
import { IMAGE_EXTENSIONS } from "./images/decode-image.ts";
import { readNpyDataset } from "./npy-dataset.ts";
import { readNpzDataset } from "./npz.ts";

const ZIP = [0x50, 0x4b];
const NPY = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Adding a format is adding a line; content is asked before the name. */
export const READERS: readonly DatasetReader[] = [
  {
    format: ".npz",
    match: ({ firstBytes }) => startsWith(firstBytes, ZIP),
    read: readNpzDataset,
  },
  {
    format: ".npy",
    match: ({ firstBytes }) => startsWith(firstBytes, NPY),
    read: readNpyDataset,
  },
  {
    format: ".csv",
    match: ({ extension, firstBytes, entries }) =>
      entries === undefined && [".csv", ".tsv"].includes(extension) && !firstBytes.includes(0),
    read: readCsv,
  },
  {
    format: "IDX (MNIST), a file or a folder",
    match: ({ name, entries }) => (entries ?? [name]).some((each) => IDX_NAME.test(each)),
    read: readIdx,
  },
  {
    format: "CIFAR-10 or CIFAR-100 in its binary version, a file or a folder",
    match: ({ extension, entries }) =>
      entries === undefined ? extension === ".bin" : isCifarFolder(entries),
    read: readCifar,
  },
  {
    format: "a folder with a folder of PNG or JPEG images for each class",
    match: ({ extensionsBelow }) => IMAGE_EXTENSIONS.some((kind) => extensionsBelow.has(kind)),
    read: readImageFolder,
  },
  {
    format: "a folder with a folder of WAV files for each class",
    match: ({ extensionsBelow }) => extensionsBelow.has(".wav"),
    read: readSoundFolder,
  },
];
