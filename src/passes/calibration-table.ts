import { jsonNumber, type ReportTable } from "../protocol/reports.ts";
import type { MeasuredChannels } from "./measured-channels.ts";

/** What was measured of each value, by its extreme channels. */
export function calibrationTable(
  measured: ReadonlyMap<string, MeasuredChannels>,
  data: string,
): ReportTable {
  return {
    title: `Measured on ${data}`,
    columns: [
      "value",
      "channels",
      "numbers a channel",
      "smallest mean",
      "largest mean",
      "smallest deviation",
      "largest deviation",
    ],
    rows: [...measured].map(([value, { mean, variance, count }]) => [
      value,
      mean.length,
      count,
      jsonNumber(Math.min(...mean)),
      jsonNumber(Math.max(...mean)),
      jsonNumber(Math.sqrt(Math.min(...variance))),
      jsonNumber(Math.sqrt(Math.max(...variance))),
    ]),
  };
}
