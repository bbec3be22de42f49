import type { Graph, Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { nodeRole } from "../graph/node-role.ts";
import { effectiveWeight } from "../passes/effective-weight.ts";
import { siteId } from "../passes/pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "../passes/refusal.ts";
import { jsonNumber, type ReportTable } from "../protocol/reports.ts";
import type { Analysis } from "./analysis.ts";
import { type Freedom, scaleFreedom } from "./scale-freedom.ts";
import { unitSums } from "./unit-weights.ts";

/**
 * Which weights have a scale that the function does not depend on, and what that makes of their
 * learning rate. For BN((a·W)·u) = BN(W·u) the gradient is
 *
 *   ∂ℓ/∂(a·W) = (1/a)·∂ℓ/∂W,
 *
 * so that a step of plain gradient descent turns W by an angle in proportion to η/‖W‖², the
 * effective learning rate.
 *
 * Source: Ioffe and Szegedy, "Batch Normalization", 2015, section 3.3; T. van Laarhoven, "L2
 * Regularization versus Batch and Weight Normalization", 2017.
 */
export const scaleRobustness: Analysis = {
  id: "scale-robustness",
  title: "Scale of the weights under normalization",
  description: "Which weights have a free scale, and their effective learning rate η/‖W‖².",
  options: [
    {
      name: "learningRate",
      description: "η, the learning rate that the effective ones are computed for",
      kind: "number",
      default: 0.1,
      minimum: 0,
    },
  ],
  data: "never",
  run: async (graph, options) => {
    const layers = layersOf(graph);
    if (layers.length === 0) {
      throw new InputError("scale-robustness: the model has no layer with a known weight");
    }
    const rate = Number(options.learningRate);
    const free = layers.filter((layer) => !isRefusal(layer.freedom));
    const bound = layers.filter((layer) => isRefusal(layer.freedom));
    return {
      sentences: sentencesOf(free, layers.length, rate),
      tables: [
        ...(free.length === 0 ? [] : [freeTable(free, rate)]),
        ...(bound.length === 0 ? [] : [boundTable(bound)]),
      ],
    };
  },
};

interface Layer {
  /** The layers that read the weight, the first in front. */
  readonly name: string;
  readonly norm: number;
  readonly freedom: Freedom | Refusal;
}

/** A weight that several layers read counts once, and is free where it is free in each of them. */
function layersOf(graph: Graph): readonly Layer[] {
  const byWeight = new Map<string, Layer>();
  for (const node of graph.nodes) {
    if (nodeRole(node) === "whitening") continue;
    const weight = effectiveWeight(graph, node);
    if (weight === undefined || isRefusal(weight)) continue;
    const freedom = scaleFreedom(graph, node);
    const known = byWeight.get(weight.value);
    if (known === undefined) {
      const units = unitSums(weight.tensor, weight.units);
      const norm = Math.sqrt(units.reduce((sum, { squares }) => sum + squares, 0));
      if (!Number.isFinite(norm)) {
        throw new InputError(`${nodeLabel(node)}: its weight ${weight.value} is not finite`);
      }
      byWeight.set(weight.value, { name: siteId(node), norm, freedom });
    } else {
      const name = `${known.name}, ${siteId(node)}`;
      byWeight.set(weight.value, { ...known, name, freedom: both(known, freedom, node) });
    }
  }
  return [...byWeight.values()];
}

function both(known: Layer, freedom: Freedom | Refusal, node: Node): Freedom | Refusal {
  if (isRefusal(known.freedom)) return known.freedom;
  if (isRefusal(freedom)) return refuse(`${nodeLabel(node)} shares it: ${freedom.reason}`);
  return { normalizations: [...known.freedom.normalizations, ...freedom.normalizations] };
}

function effectiveRate({ norm }: Layer, rate: number): number {
  return rate / (norm * norm);
}

function sentencesOf(free: readonly Layer[], layers: number, rate: number): string[] {
  if (free.length === 0) {
    return [
      `None of the ${layers} weights has a free scale: no normalization follows them with nothing in between that breaks it.`,
    ];
  }
  const rates = free.map((layer) => effectiveRate(layer, rate));
  const fastest = free[rates.indexOf(Math.max(...rates))] as Layer;
  const slowest = free[rates.indexOf(Math.min(...rates))] as Layer;
  return [
    `${free.length} of ${layers} weights have a free scale: a normalization follows, so that BN((a·W)·u) = BN(W·u) and ‖W‖ changes nothing of the function.`,
    "L2 or weight decay on these weights does not regularize the function: it shrinks ‖W‖, and so raises the effective learning rate η/‖W‖².",
    `With η = ${rate} it is from ${shown(slowest, rate)} to ${shown(fastest, rate)}.`,
  ];
}

function shown(layer: Layer, rate: number): string {
  return `${effectiveRate(layer, rate).toPrecision(3)} (${layer.name})`;
}

function freeTable(layers: readonly Layer[], rate: number): ReportTable {
  return {
    title: "Weights with a free scale",
    columns: ["layer", "normalized by", "‖W‖", "η/‖W‖²"],
    rows: layers.map((layer) => [
      layer.name,
      isRefusal(layer.freedom) ? "" : layer.freedom.normalizations.map(siteId).join(", "),
      jsonNumber(layer.norm),
      jsonNumber(effectiveRate(layer, rate)),
    ]),
  };
}

function boundTable(layers: readonly Layer[]): ReportTable {
  return {
    title: "Weights whose scale matters",
    columns: ["layer", "‖W‖", "why"],
    rows: layers.map((layer) => [
      layer.name,
      jsonNumber(layer.norm),
      isRefusal(layer.freedom) ? layer.freedom.reason : "",
    ]),
  };
}
