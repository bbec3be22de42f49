import type { Field, Texts } from "./field.ts";

/** By its name: the engine looks into the file, but a form cannot. */
const isTable = ({ data = "" }: Texts) => /\.(csv|tsv)$/i.test(data.trim());
const isArray = ({ data = "" }: Texts) => /\.npy$/i.test(data.trim());
const isFolder = ({ data = "" }: Texts) =>
  data.trim() !== "digits" && !/\.(csv|tsv|npy|npz|gz|bin)$/i.test(data.trim());

/** How the data is read: `dataOptions`. */
export const DATA_FIELDS = {
  labelColumn: {
    section: "data",
    label: "Label column",
    kind: "words",
    shown: isTable,
    help: "Its name, or its number from 1; empty takes label, target, class or y, else the last.",
  },
  header: {
    section: "data",
    label: "Column names",
    kind: "select",
    options: [
      ["auto", "If there are any"],
      ["yes", "In the first line"],
      ["no", "None"],
    ],
    shown: isTable,
    help: "Whether the first line has names or is a sample.",
  },
  separator: {
    section: "data",
    label: "Separator",
    kind: "select",
    options: [
      ["auto", "By the first line"],
      [",", "Comma"],
      [";", "Semicolon"],
      ["tab", "Tab"],
      ["|", "Bar"],
    ],
    shown: isTable,
    help: "What stands between two cells.",
  },
  labelFile: {
    section: "data",
    label: "Labels",
    kind: "words",
    shown: isArray,
    help: "A .npy file; empty takes NAME-labels.npy, labels.npy or y.npy beside the samples.",
  },
  imageHeight: {
    section: "data",
    label: "Image height",
    kind: "integer",
    min: 0,
    max: 16384,
    shown: isFolder,
    help: "Images are resized to it; 0 is what the model takes, else what they have.",
  },
  imageWidth: {
    section: "data",
    label: "Image width",
    kind: "integer",
    min: 0,
    max: 16384,
    shown: isFolder,
    help: "As the height.",
  },
  channels: {
    section: "data",
    label: "Channels",
    kind: "select",
    options: [
      ["0", "As the model"],
      ["1", "Grey"],
      ["3", "RGB"],
    ],
    shown: isFolder,
    help: "Of images.",
  },
  layout: {
    section: "data",
    label: "Layout",
    kind: "select",
    options: [
      ["auto", "As the model"],
      ["NCHW", "Channels first"],
      ["NHWC", "Channels last"],
    ],
    shown: isFolder,
    help: "Where an image's channels stand.",
  },
  black: {
    section: "data",
    label: "Black",
    kind: "number",
    shown: isFolder,
    help: "The number that a black pixel becomes.",
  },
  white: {
    section: "data",
    label: "White",
    kind: "number",
    shown: isFolder,
    help: "The number that a white pixel becomes.",
  },
  sampleRate: {
    section: "data",
    label: "Sample rate",
    kind: "number",
    min: 0,
    max: 384_000,
    shown: isFolder,
    help: "Sounds are resampled to it; 0 is what the first one has.",
  },
  seconds: {
    section: "data",
    label: "Seconds",
    kind: "number",
    min: 0,
    max: 3600,
    shown: isFolder,
    help: "Sounds are cut to it or end in silence; 0 is what the model takes, else the first one's.",
  },
  inputScaling: {
    section: "data",
    label: "Input scaling",
    kind: "select",
    options: [
      ["none", "None"],
      ["standardize", "Mean 0, variance 1"],
      ["range", "0 to 1"],
    ],
    help: "By channel or feature, measured on the training part; whoever uses the model does the same.",
  },
} as const satisfies Readonly<Record<string, Field>>;
