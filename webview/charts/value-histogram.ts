import type { ValueStatistics } from "../../src/protocol/reports.ts";
import { count, counted, decimal } from "../elements/format.ts";
import type { HistogramModel } from "./model.ts";

export function valueHistogram(title: string, statistics: ValueStatistics): HistogramModel {
  const { edges, counts, below = 0, above = 0 } = statistics.histogram;
  const apart = [
    statistics.nan > 0 ? `${count(statistics.nan)} NaN` : "",
    statistics.inf > 0 ? `${count(statistics.inf)} infinite` : "",
    below > 0 ? `${count(below)} below` : "",
    above > 0 ? `${count(above)} above` : "",
  ].filter((text) => text !== "");
  return {
    title,
    description:
      `Histogram of ${title}: ${counted(statistics.count, "value")} from ` +
      `${decimal(statistics.min, 3)} to ${decimal(statistics.max, 3)}, ` +
      `mean ${decimal(statistics.mean, 3)}${apart.length > 0 ? `; ${apart.join(", ")}` : ""}.`,
    edges,
    counts,
    below,
    above,
  };
}
