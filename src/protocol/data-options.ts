/** How a data source is read: `dataOptions` of a configuration; each says for which sources it counts. */
export interface DataOptions {
  /** Tables: the name of the label's column, or its number from 1; "" is a usual name, else the last. */
  readonly labelColumn: string;
  /** Tables: whether the first line has names; "auto" where more than its label is no number. */
  readonly header: "auto" | "yes" | "no";
  /** Tables: what stands between two cells; "auto" takes the one that the first line has most of. */
  readonly separator: "auto" | "," | ";" | "tab" | "|";
  /** .npy: the file of the labels, from the folder of the samples; "" is NAME-labels.npy, labels.npy or y.npy. */
  readonly labels: string;
  /** Images: pixels; 0 is what the model takes, else what the images have. */
  readonly height: number;
  readonly width: number;
  /** Images: 1 is grey, 3 is RGB; 0 is what the model takes, else what the first image has. */
  readonly channels: 0 | 1 | 3;
  /** Images: where the channels stand; "auto" by the model's input. */
  readonly layout: "auto" | "NCHW" | "NHWC";
  /** Images: the numbers that black and white become. */
  readonly range: readonly [black: number, white: number];
  /** Sounds: samples a second; 0 is what the first file has. */
  readonly sampleRate: number;
  /** Sounds: longer ones are cut, shorter ones end in silence; 0 is what the model takes, else the first file's. */
  readonly seconds: number;
}

export const DEFAULT_DATA_OPTIONS: DataOptions = {
  labelColumn: "",
  header: "auto",
  separator: "auto",
  labels: "",
  height: 0,
  width: 0,
  channels: 0,
  layout: "auto",
  range: [0, 1],
  sampleRate: 0,
  seconds: 0,
};
