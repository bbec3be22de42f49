import type {
  ClassReport,
  DataPartName,
  DataReport,
  NumbersReport,
} from "../protocol/data-report.ts";
import { jsonNumber } from "../protocol/reports.ts";
import { type Moments, mergeMoments, standardDeviation } from "../statistics/moments.ts";
import type { Dataset } from "./dataset.ts";
import { type ExaminedData, type ModelExpectation, PARTS } from "./examination/examined-data.ts";
import { type MeasureOptions, measureParts } from "./examination/part-moments.ts";
import { shownSamples } from "./examination/shown-samples.ts";
import { valueGroups } from "./examination/value-groups.ts";
import { type Shares, type Split, splitSamples } from "./split.ts";
import { DATA_WARNINGS } from "./warnings/registry.ts";

/** Classes, and channels or features, that a report lists. */
const MOST_LISTED = 1000;

export interface ExamineOptions extends MeasureOptions {
  readonly shares: Shares;
  readonly seed: number;
  /** Whether a run brings the samples into another range. */
  readonly isScaled: boolean;
  /** What the model expects, measured with the training rows. */
  readonly model?: (split: Split) => Promise<ModelExpectation>;
}

/**
 * What a data set holds and what may be wrong with it, divided as a run with the same shares and seed
 * divides it. Each sample is read once, a few a second time to be shown; memory holds a batch, 8 bytes a
 * sample, and the moments of each channel or feature.
 *
 * @throws InputError naming the file that cannot be read.
 */
export async function examineDataset(
  dataset: Dataset,
  options: ExamineOptions,
): Promise<DataReport> {
  const split = splitSamples(dataset, options.shares, options.seed);
  const groups = valueGroups(dataset);
  const { values, ...measured } = await measureParts(dataset, split, groups, options);
  const finite = measured.firstNotFinite === undefined;
  const examined: ExaminedData = {
    ...measured,
    dataset,
    split,
    groups,
    classCounts: byPart((part) => classCounts(dataset, split[part])),
    isScaled: options.isScaled,
    model: finite ? await options.model?.(split) : undefined,
  };
  const { targets, parts } = dataset;
  const range = { min: Number(values.min), max: Number(values.max) };
  const { histogram } = values;
  return {
    name: dataset.name,
    samples: dataset.count,
    sampleShape: dataset.sampleShape,
    targets: targets?.kind ?? "none",
    classCount: targets?.kind === "classes" ? targets.classNames.length : 0,
    classes: classReports(examined),
    ownParts: parts !== undefined,
    parts: byPart((part) => split[part].length),
    values: { ...numbersReport(allParts(examined).reduce(mergeMoments)), histogram },
    groupKind: groups.kind,
    groupCount: groups.count,
    groups: allParts(examined)
      .slice(0, MOST_LISTED)
      .map((moments, group) => ({ name: groups.name(group), ...numbersReport(moments) })),
    shown: await shownSamples(dataset, split, options.seed, range),
    warnings: DATA_WARNINGS.flatMap(({ id, find }) =>
      find(examined).map((found) => ({ rule: id, ...found })),
    ),
  };
}

function byPart<Value>(of: (part: DataPartName) => Value): Readonly<Record<DataPartName, Value>> {
  return { train: of("train"), validation: of("validation"), test: of("test") };
}

function classCounts({ targets }: Dataset, rows: Int32Array): Int32Array {
  if (targets?.kind !== "classes") return new Int32Array();
  const counts = new Int32Array(targets.classNames.length);
  for (const row of rows) {
    const label = targets.labels[row] as number;
    counts[label] = (counts[label] as number) + 1;
  }
  return counts;
}

function classReports({ dataset: { targets }, classCounts }: ExaminedData): readonly ClassReport[] {
  if (targets?.kind !== "classes") return [];
  return targets.classNames.slice(0, MOST_LISTED).map((name, label) => ({
    name,
    parts: byPart((part) => classCounts[part][label] ?? 0),
  }));
}

/** The moments of each group over all parts. */
function allParts({ moments, groups }: ExaminedData): readonly Moments[] {
  return Array.from({ length: groups.count }, (_, group) =>
    PARTS.map((part) => moments[part][group] as Moments).reduce(mergeMoments),
  );
}

function numbersReport(moments: Moments): NumbersReport {
  return {
    mean: jsonNumber(moments.mean),
    std: jsonNumber(standardDeviation(moments)),
    min: jsonNumber(moments.min),
    max: jsonNumber(moments.max),
    nan: moments.nan,
    inf: moments.inf,
  };
}
