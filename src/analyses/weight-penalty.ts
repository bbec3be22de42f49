import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { effectiveWeight } from "../passes/effective-weight.ts";
import { siteId } from "../passes/pass.ts";
import { isRefusal, nodeLabel } from "../passes/refusal.ts";
import type { ReportTable } from "../protocol/reports.ts";
import type { Analysis } from "./analysis.ts";
import { type UnitSums, unitSums } from "./unit-weights.ts";

/**
 * What the penalties ½·l2·Σw² and l1·Σ|w| are made of: each layer's share, the largest units, and
 * peaky ones, whose mass sits in few weights.
 *
 * The measure of peakiness is the fourth moment of a unit's n weights over the square of the second,
 *
 *   n·Σw⁴ / (Σw²)²,
 *
 * which is 1 where all magnitudes are equal, 1.8 for uniform and 3 for normal weights, and n where one
 * weight alone is not zero. L2 makes many small weights of few large ones: peaky units are what it
 * is meant to prevent, and what L1 leaves.
 */
export const weightPenalty: Analysis = {
  id: "weight-penalty",
  title: "Weight penalties",
  description:
    "Each layer's share of Σw² and Σ|w|, the largest units, and units of few large weights.",
  options: [
    {
      name: "peaky",
      description: "n·Σw⁴/(Σw²)² above which a unit is peaky; normal weights have 3",
      kind: "number",
      default: 10,
      minimum: 1,
    },
    {
      name: "units",
      description: "how many units are listed",
      kind: "number",
      default: 10,
      minimum: 1,
    },
  ],
  data: "never",
  run: async (graph, options) => {
    const { layers, left } = measuredLayers(graph);
    if (layers.length === 0) {
      throw new InputError(
        `weight-penalty: the model has no layer with a known weight${left[0] === undefined ? "" : `; ${left[0].replace(/\.$/, "")}`}`,
      );
    }
    const threshold = Number(options.peaky);
    const count = Math.floor(Number(options.units));
    const units = layers.flatMap(({ units }) => units);
    const peaky = units
      .filter((unit) => peakiness(unit) > threshold)
      .sort((a, b) => peakiness(b) - peakiness(a));
    return {
      sentences: [...sentencesOf(layers, units, peaky, threshold), ...left],
      tables: [
        layerTable(layers, threshold),
        largestTable(units, count),
        ...(peaky.length === 0 ? [] : [peakyTable(peaky, count)]),
      ],
    };
  },
};

interface Unit extends UnitSums {
  readonly layer: string;
  readonly number: number;
}

interface Layer {
  readonly name: string;
  readonly weights: number;
  readonly squares: number;
  readonly magnitudes: number;
  readonly units: readonly Unit[];
}

/** Weights that several layers read count once, as a penalty counts them. */
function measuredLayers(graph: Graph): { layers: readonly Layer[]; left: readonly string[] } {
  const layers: Layer[] = [];
  const left: string[] = [];
  const seen = new Set<string>();
  for (const node of graph.nodes) {
    const weight = effectiveWeight(graph, node);
    if (weight === undefined) continue;
    if (isRefusal(weight)) {
      left.push(`Not measured: ${weight.reason}`);
      continue;
    }
    if (seen.has(weight.value)) continue;
    seen.add(weight.value);
    const name = siteId(node);
    const units = unitSums(weight.tensor, weight.units).map((sums, number): Unit => {
      if (!Number.isFinite(sums.squares)) {
        throw new InputError(
          `${nodeLabel(node)}: output unit ${number} has a weight that is not finite`,
        );
      }
      return { ...sums, layer: name, number };
    });
    layers.push({
      name,
      weights: total(units, ({ count }) => count),
      squares: total(units, ({ squares }) => squares),
      magnitudes: total(units, ({ magnitudes }) => magnitudes),
      units,
    });
  }
  return { layers, left };
}

function total<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}

/** n·Σw⁴/(Σw²)²; 1 for a unit of zeros, which is as flat as can be. */
function peakiness({ count, squares, fourths }: UnitSums): number {
  return squares === 0 ? 1 : (count * fourths) / (squares * squares);
}

function sentencesOf(
  layers: readonly Layer[],
  units: readonly Unit[],
  peaky: readonly Unit[],
  threshold: number,
): string[] {
  const squares = total(layers, (layer) => layer.squares);
  const magnitudes = total(layers, (layer) => layer.magnitudes);
  const weights = total(layers, (layer) => layer.weights).toLocaleString("en");
  const largest = units.reduce((a, b) => (b.squares > a.squares ? b : a));
  const [most] = peaky;
  return [
    `Σw² is ${squares.toPrecision(4)} and Σ|w| ${magnitudes.toPrecision(4)} over ${weights} weights of ${layers.length} layers: l2 adds ${(squares / 2).toPrecision(4)}·l2 to the loss, l1 adds ${magnitudes.toPrecision(4)}·l1.`,
    `The longest unit is unit ${largest.number} of ${largest.layer} with ‖w‖ = ${Math.sqrt(largest.squares).toPrecision(4)}.`,
    most === undefined
      ? `No unit is peaky (n·Σw⁴/(Σw²)² above ${threshold}).`
      : `${peaky.length} of ${units.length} units are peaky (n·Σw⁴/(Σw²)² above ${threshold}), most of all unit ${most.number} of ${most.layer} with ${peakiness(most).toPrecision(3)}.`,
  ];
}

function layerTable(layers: readonly Layer[], threshold: number): ReportTable {
  const squares = total(layers, (layer) => layer.squares);
  const magnitudes = total(layers, (layer) => layer.magnitudes);
  return {
    title: "Layers",
    columns: ["layer", "weights", "Σw²", "share", "Σ|w|", "share", "rms", "longest unit", "peaky"],
    rows: layers.map((layer) => [
      layer.name,
      layer.weights,
      layer.squares,
      percent(layer.squares, squares),
      layer.magnitudes,
      percent(layer.magnitudes, magnitudes),
      Math.sqrt(layer.squares / layer.weights),
      Math.sqrt(layer.units.reduce((most, unit) => Math.max(most, unit.squares), 0)),
      layer.units.filter((unit) => peakiness(unit) > threshold).length,
    ]),
  };
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "0 %" : `${((100 * part) / whole).toFixed(1)} %`;
}

function largestTable(units: readonly Unit[], count: number): ReportTable {
  const largest = [...units].sort((a, b) => b.squares - a.squares).slice(0, count);
  return {
    title: "Longest units",
    columns: ["layer", "unit", "‖w‖", "Σ|w|", "n·Σw⁴/(Σw²)²"],
    rows: largest.map((unit) => [
      unit.layer,
      unit.number,
      Math.sqrt(unit.squares),
      unit.magnitudes,
      peakiness(unit),
    ]),
  };
}

function peakyTable(peaky: readonly Unit[], count: number): ReportTable {
  return {
    title: "Peaky units",
    columns: ["layer", "unit", "weights", "n·Σw⁴/(Σw²)²", "largest |w|", "its share of Σw²"],
    rows: peaky
      .slice(0, count)
      .map((unit) => [
        unit.layer,
        unit.number,
        unit.count,
        peakiness(unit),
        unit.largest,
        percent(unit.largest ** 2, unit.squares),
      ]),
  };
}
