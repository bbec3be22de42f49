import { counted, decimal } from "../elements/format.ts";
import type { RunState } from "../train/run-state.ts";
import { decimate } from "./decimate.ts";
import type { LineModel, LineSeries } from "./model.ts";

/** More points than a chart has pixels only cost time. */
const DRAWN_POINTS = 1200;

/** The 15th to 85th percentile of one value over the steps, after the BatchNorm paper's figure. */
export function shiftBand(run: RunState, value: string, limit = DRAWN_POINTS): LineModel {
  const all = run.percentiles.get(value) ?? [];
  const points = decimate(all, limit, (point) => point.p50);
  const line = (id: "p15" | "p50" | "p85", name: string): LineSeries => ({
    id,
    name,
    color: "blue",
    dashed: false,
    marker: "none",
    points: points.map((point) => ({ x: point.step, y: point[id] })),
  });
  const [first, last] = [all[0], all.at(-1)];
  return {
    title: value,
    description:
      first === undefined || last === undefined
        ? `${value}: no step has been measured yet.`
        : `${value} over ${counted(all.length, "step")}: the median moved from ` +
          `${decimal(first.p50, 3)} to ${decimal(last.p50, 3)}, the 15th to 85th percentile from ` +
          `${decimal(first.p15, 3)} … ${decimal(first.p85, 3)} to ` +
          `${decimal(last.p15, 3)} … ${decimal(last.p85, 3)}.`,
    xName: "Step",
    yName: value,
    series: [
      { ...line("p85", "p85"), dashed: true, fillTo: "p15" },
      line("p50", "p50"),
      { ...line("p15", "p15"), dashed: true },
    ],
    annotations: [],
    logarithmic: false,
  };
}
