import { counted, decimal } from "../elements/format.ts";
import type { ColorName } from "../theme/palette.ts";
import type { DetailPoint, RunState } from "../train/run-state.ts";
import { decimate } from "./decimate.ts";
import type { LineModel, LinePoint, LineSeries } from "./model.ts";

/** Gradient norms and update ratios over the steps, a line a weight. */

/** More points than a chart has pixels only cost time. */
const DRAWN_POINTS = 600;

/** Solid first, then dashed: ten lines that can be told apart. */
const COLORS: readonly ColorName[] = ["blue", "yellow", "purple", "green", "red"];

/** What weights often change by in a step when the learning rate fits. */
const USUAL_RATIO = 1e-3;

type Measure = "norm" | "updateRatio";

export function gradientNorms(run: RunState): LineModel {
  const points = drawn(run);
  const together: LineSeries = {
    ...line("all", "All together", "foreground"),
    points: points.map(({ step, gradientNorm }) => ({ x: step, y: gradientNorm })),
  };
  return {
    ...frame("Gradient norm"),
    description: describe(run, "Gradient norm", "norm"),
    series: points.length === 0 ? [] : [together, ...weightLines(run, points, "norm")],
  };
}

export function updateRatios(run: RunState): LineModel {
  const points = drawn(run);
  const weights = weightLines(run, points, "updateRatio");
  const guide: LineSeries = {
    ...line("usual", "10⁻³, as is usual", "foreground"),
    dashed: true,
    points: points.map(({ step }) => ({ x: step, y: USUAL_RATIO })),
  };
  return {
    ...frame("Update ratio"),
    description: describe(run, "Update ratio", "updateRatio"),
    series: weights.length === 0 ? [] : [...weights, guide],
  };
}

function frame(title: string) {
  return { title, xName: "Step", yName: title, annotations: [], logarithmic: true } as const;
}

/** Each line has a point at every step that is drawn: the pointer finds them by their position. */
function drawn(run: RunState): readonly DetailPoint[] {
  return decimate(run.details, DRAWN_POINTS, ({ gradientNorm }) => gradientNorm);
}

function line(id: string, name: string, color: ColorName) {
  return { id, name, color, dashed: false, marker: "none" } as const;
}

function weightLines(
  run: RunState,
  points: readonly DetailPoint[],
  measure: Measure,
): readonly LineSeries[] {
  return names(run).map((name, index) => ({
    // A weight may have any name, "all" included.
    ...line(`weight ${name}`, name, COLORS[index % COLORS.length] ?? "blue"),
    dashed: index >= COLORS.length,
    points: points.map(
      ({ step, weights }): LinePoint => ({
        x: step,
        y: weights.get(name)?.[measure] ?? Number.NaN,
      }),
    ),
  }));
}

function names(run: RunState): readonly string[] {
  return [...(run.details[0]?.weights.keys() ?? [])];
}

function describe(run: RunState, title: string, measure: Measure): string {
  const [first, last] = [run.details[0], run.details.at(-1)];
  if (first === undefined || last === undefined) return `${title}: no step has been measured yet.`;
  const together =
    measure === "norm"
      ? ` all together from ${decimal(first.gradientNorm, 3)} to ${decimal(last.gradientNorm, 3)};`
      : "";
  const each = names(run).map((name) => {
    const [from, to] = [first, last].map(({ weights }) =>
      decimal(weights.get(name)?.[measure] ?? Number.NaN, 3),
    );
    return `${name} from ${from} to ${to}`;
  });
  const guide = measure === "updateRatio" ? " A dashed line marks the usual 10⁻³." : "";
  return `${title} over ${counted(run.details.length, "measured step")}:${together} ${each.join(", ")}.${guide}`;
}
