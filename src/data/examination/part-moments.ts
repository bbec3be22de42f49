import { setImmediate } from "node:timers/promises";
import { elementCount } from "../../graph/tensor.ts";
import type { DataPartName } from "../../protocol/data-report.ts";
import { ChannelMoments } from "../../statistics/channel-moments.ts";
import { type Moments, NO_MOMENTS } from "../../statistics/moments.ts";
import { StatisticsCollector } from "../../statistics/value-statistics.ts";
import { type Dataset, expectRows, readSamples } from "../dataset.ts";
import type { Split } from "../split.ts";
import { type EqualSamples, SampleDigests } from "./equal-samples.ts";
import { PARTS } from "./examined-data.ts";
import type { ValueGroups } from "./value-groups.ts";

/** Numbers of a batch: 16 MB. */
const BATCH_NUMBERS = 2 ** 22;

/** Numbers that the histogram's edges are taken of. */
const KEPT_NUMBERS = 2 ** 20;

const BINS = 40;

export interface MeasuredParts {
  readonly moments: Readonly<Record<DataPartName, readonly Moments[]>>;
  readonly values: ReturnType<StatisticsCollector["finish"]>;
  readonly equal: EqualSamples;
  readonly firstNotFinite: number | undefined;
}

export interface MeasureOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (fraction: number) => void;
}

/**
 * Reads every sample once, part by part and batch by batch. Moments are two-pass within a batch, in float64, and
 * merged (see moments.ts): a second pass over all would decode each image twice.
 */
export async function measureParts(
  dataset: Dataset,
  split: Split,
  groups: ValueGroups,
  { signal, onProgress }: MeasureOptions,
): Promise<MeasuredParts> {
  const size = Math.max(1, elementCount(dataset.sampleShape));
  const atOnce = Math.min(256, Math.max(1, Math.floor(BATCH_NUMBERS / size)));
  const rows = {
    train: sorted(split.train),
    validation: sorted(split.validation),
    test: sorted(split.test),
  };
  const all = joined(PARTS.map((part) => rows[part]));
  const digests = new SampleDigests(dataset.count);
  const values = new StatisticsCollector("values", BINS, KEPT_NUMBERS);
  const numbers = new Float32Array(atOnce * size);
  let firstNotFinite: number | undefined;
  let done = 0;
  expectRows(dataset, all);
  const measurePart = async (part: DataPartName): Promise<readonly Moments[]> => {
    const moments = new ChannelMoments();
    for (let start = 0; start < rows[part].length; start += atOnce) {
      signal?.throwIfAborted();
      const some = rows[part].subarray(start, start + atOnce);
      const samples = numbers.subarray(0, some.length * size);
      await readSamples(dataset, some, samples);
      moments.add(groups.dims(some.length), samples);
      values.add(samples);
      digests.add(some, samples);
      const bad = samples.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) firstNotFinite ??= some[Math.floor(bad / size)];
      done += some.length;
      onProgress?.(done / all.length);
      await setImmediate();
    }
    const { channels } = moments;
    return channels.length > 0 ? channels : new Array<Moments>(groups.count).fill(NO_MOMENTS);
  };
  const moments = {
    train: await measurePart("train"),
    validation: await measurePart("validation"),
    test: await measurePart("test"),
  };
  return { moments, values: values.finish(), equal: digests.equal(all), firstNotFinite };
}

function sorted(rows: Int32Array): Int32Array {
  return rows.slice().sort();
}

function joined(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}
