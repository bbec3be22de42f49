import { elementCount } from "../../graph/tensor.ts";
import type { DataPartName, ShownSample } from "../../protocol/data-report.ts";
import { type Dataset, readSamples, sampleName } from "../dataset.ts";
import { seededRandom, shuffle } from "../random.ts";
import type { Split } from "../split.ts";
import { PARTS } from "./examined-data.ts";
import { sampleView, type ValueRange } from "./sample-view.ts";

const MOST_SHOWN = 40;
const MOST_OF_A_CLASS = 3;
const SHOWN_WITHOUT_CLASSES = 12;

/** Numbers of a target that are told. */
const MOST_TARGETS = 8;

/** A few samples of each class, classes in their order; the same ones for the same seed. */
export async function shownSamples(
  dataset: Dataset,
  split: Split,
  seed: number,
  range: ValueRange,
): Promise<readonly ShownSample[]> {
  const rows = chosenRows(dataset, seed);
  const sample = new Float32Array(elementCount(dataset.sampleShape));
  const shown: ShownSample[] = [];
  for (const row of rows) {
    await readSamples(dataset, Int32Array.of(row), sample);
    const part = partOf(split, row);
    const target = targetText(dataset, row);
    shown.push({
      row: row + 1,
      name: sampleName(dataset, row),
      ...(part === undefined ? {} : { part }),
      ...(target === undefined ? {} : { target }),
      view: sampleView(dataset, sample, range),
    });
  }
  return shown;
}

function chosenRows({ count, targets }: Dataset, seed: number): readonly number[] {
  const order = Int32Array.from({ length: count }, (_, row) => row);
  shuffle(order, seededRandom(seed, "preview"));
  if (targets?.kind !== "classes") return [...order.subarray(0, SHOWN_WITHOUT_CLASSES)];
  const each = Math.floor(MOST_SHOWN / Math.max(1, targets.classNames.length));
  const ofAClass = Math.min(MOST_OF_A_CLASS, Math.max(1, each));
  const chosen = new Map<number, number[]>();
  for (const row of order) {
    const label = targets.labels[row] as number;
    const rows = chosen.get(label) ?? [];
    if (rows.length < ofAClass) chosen.set(label, [...rows, row]);
  }
  const byClass = [...chosen].sort(([a], [b]) => a - b);
  return byClass.flatMap(([, rows]) => rows).slice(0, MOST_SHOWN);
}

function partOf(split: Split, row: number): DataPartName | undefined {
  return PARTS.find((part) => split[part].includes(row));
}

function targetText({ targets }: Dataset, row: number): string | undefined {
  if (targets === undefined) return undefined;
  if (targets.kind === "classes") return targets.classNames[targets.labels[row] as number];
  const size = elementCount(targets.shape);
  const values = targets.values.subarray(row * size, (row + 1) * size);
  const told = Array.from(values.subarray(0, MOST_TARGETS), (value) =>
    String(Number(value.toPrecision(4))),
  );
  return `${told.join(", ")}${size > MOST_TARGETS ? ", …" : ""}`;
}
