import { readCsv } from "./csv.ts";
import { type DatasetReader, startsWith } from "./dataset-reader.ts";
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
];
