import type { DataOptions } from "../../src/protocol/data-options.ts";
import type { TrainingConfig } from "../../src/protocol/training.ts";
import type { DATA_FIELDS } from "./data-fields.ts";

type DataDraft = Readonly<Record<keyof typeof DATA_FIELDS, string>>;
type DataConfig = Pick<TrainingConfig, "dataOptions" | "inputScaling">;

export function dataDraft({ dataOptions: options, inputScaling }: DataConfig): DataDraft {
  const [black, white] = options.range;
  return {
    labelColumn: options.labelColumn,
    header: options.header,
    separator: options.separator,
    labelFile: options.labels,
    imageHeight: String(options.height),
    imageWidth: String(options.width),
    channels: String(options.channels),
    layout: options.layout,
    black: String(black),
    white: String(white),
    sampleRate: String(options.sampleRate),
    seconds: String(options.seconds),
    inputScaling,
  };
}

/** Only for texts that have been checked. */
export function dataConfig(draft: DataDraft): DataConfig {
  return {
    dataOptions: dataOptions(draft),
    inputScaling: draft.inputScaling as DataConfig["inputScaling"],
  };
}

function dataOptions(draft: DataDraft): DataOptions {
  return {
    labelColumn: draft.labelColumn.trim(),
    header: draft.header as DataOptions["header"],
    separator: draft.separator as DataOptions["separator"],
    labels: draft.labelFile.trim(),
    height: Number(draft.imageHeight),
    width: Number(draft.imageWidth),
    channels: Number(draft.channels) as DataOptions["channels"],
    layout: draft.layout as DataOptions["layout"],
    range: [Number(draft.black), Number(draft.white)],
    sampleRate: Number(draft.sampleRate),
    seconds: Number(draft.seconds),
  };
}
