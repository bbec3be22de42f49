import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import type { PassOptions } from "../passes/pass.ts";
import { siteId } from "../passes/pass.ts";
import { nodeLabel } from "../passes/refusal.ts";
import type { SampleRuns } from "../passes/sample-runs.ts";
import { type JsonNumber, jsonNumber, type ReportTable } from "../protocol/reports.ts";
import type { Analysis } from "./analysis.ts";
import { FisherSums } from "./fisher-diagonal.ts";
import {
  type GeneralizedLinearLayer,
  generalizedLinearLayer,
  type Link,
} from "./generalized-linear-layer.ts";

/** Where neither the option nor a Dropout in front of the layer says a rate. */
const DEFAULT_RATE = 0.5;

/**
 * Dropout on the features of a generalized linear model is, to first order, an L2 penalty on features
 * that are scaled by the inverse diagonal Fisher information (S. Wager, S. Wang and P. Liang, "Dropout
 * Training as Adaptive Regularization", 2013, eq. 10), with rate δ:
 *
 *   R(β) ≈ ½·δ/(1 − δ)·Σ_j β_j²·Σ_i A''(x_i·β)·x_ij²
 *
 * Rare features are penalized less, and features of samples of which the model is sure.
 */
export const dropoutL2Equivalence: Analysis = {
  id: "dropout-l2-equivalence",
  title: "Dropout as L2",
  description: "The L2 penalty on each feature of a linear layer that dropout amounts to.",
  options: [
    {
      name: "layer",
      kind: "text",
      description: "Name of a Gemm or MatMul; the last one where empty.",
      default: "",
    },
    {
      name: "rate",
      kind: "number",
      description: "δ; 0 takes that of the Dropout in front of the layer, or 0.5.",
      default: 0,
      minimum: 0,
      maximum: 1,
    },
    {
      name: "link",
      kind: "choice",
      description: "What makes predictions of the layer's results; auto goes by what follows.",
      default: "auto",
      choices: ["auto", "softmax", "sigmoid", "identity"],
    },
    {
      name: "curvature",
      kind: "choice",
      description: "diagonal takes A'' of each output, full the covariance of softmax outputs too.",
      default: "diagonal",
      choices: ["diagonal", "full"],
    },
  ],
  data: "always",
  run: async (graph, options, samples) => {
    if (samples === undefined || samples.count === 0) {
      throw new InputError("dropout-l2-equivalence: samples to measure on are needed");
    }
    if (options.rate === 1) {
      throw new InputError("dropout-l2-equivalence: option rate is 1; a number below 1 is needed");
    }
    return analyzed(graph, options, samples);
  },
};

async function analyzed(graph: Graph, options: PassOptions, samples: SampleRuns) {
  const layer = generalizedLinearLayer(graph, String(options.layer));
  const rate = Number(options.rate) || layer.rate || DEFAULT_RATE;
  let fisher: FisherSums | undefined;
  let link: Link = "identity";
  const { input, logits, features, outputs } = layer;
  await samples.run(graph, [...new Set([input, logits])], (batch) => {
    const [x, z] = [batch.values.get(input), batch.values.get(logits)];
    if (x === undefined || z === undefined) return;
    requireShape(layer, input, x.dims, [batch.count, features]);
    requireShape(layer, logits, z.dims, [batch.count, outputs]);
    link = linkOf(layer, String(options.link), batch.labels !== undefined);
    fisher ??= new FisherSums(layer, link);
    for (let row = 0; row < batch.count; row++) {
      fisher.add(
        x.data.subarray(row * features, (row + 1) * features),
        z.data.subarray(row * outputs, (row + 1) * outputs),
      );
    }
  });
  if (fisher === undefined) throw new InputError("dropout-l2-equivalence: no sample was run");
  return report(layer, { rate, link, samples }, fisher, options.curvature === "full");
}

function requireShape(
  { node }: GeneralizedLinearLayer,
  value: string,
  dims: readonly number[],
  wanted: readonly number[],
): void {
  if (`${dims}` === `${wanted}`) return;
  throw new InputError(
    `dropout-l2-equivalence: ${value} of ${nodeLabel(node)} has shape [${dims.join(", ")}]; one row of ${wanted[1]} numbers a sample is needed`,
  );
}

function linkOf(
  { node, next, outputs }: GeneralizedLinearLayer,
  given: string,
  classes: boolean,
): Link {
  if (given === "softmax" || given === "sigmoid" || given === "identity") return given;
  if (typeof next === "object") {
    throw new InputError(
      `dropout-l2-equivalence: ${nodeLabel(node)} goes to ${nodeLabel(next)}, which makes no predictions of it; the option link says what to take it for`,
    );
  }
  if (next !== "end") return next;
  if (!classes) return "identity";
  return outputs > 1 ? "softmax" : "sigmoid";
}

interface Setting {
  readonly rate: number;
  readonly link: Link;
  readonly samples: SampleRuns;
}

function report(
  layer: GeneralizedLinearLayer,
  { rate, link, samples }: Setting,
  { sums }: FisherSums,
  full: boolean,
) {
  const odds = rate / (1 - rate);
  const penalties = (full ? sums.full : sums.diagonal).map((each) => 0.5 * odds * each);
  const total = penalties.reduce((sum, each) => sum + each, 0);
  const squares = layer.weights.reduce((sum, weight) => sum + weight * weight, 0);
  const order = Array.from(penalties.keys()).sort(
    (a, b) => (penalties[b] as number) - (penalties[a] as number) || a - b,
  );
  const source = layer.rate === rate ? "as the Dropout in front of it has" : "as given or assumed";
  const sentences = [
    `Dropout of rate ${short(rate)} (${source}) on the ${layer.features} features of ${siteId(layer.node)} amounts to a penalty of ${short(total / samples.count)} a sample on ${samples.name}, with the ${link} behind it.`,
    ...(total > 0
      ? [
          `Half of it is on ${halfOf(order, penalties, total)} of the features; a plain penalty λ·½·Σβ² of the same size has λ = ${short((2 * total) / samples.count / squares)}.`,
        ]
      : []),
  ];
  return { sentences, tables: [table(layer, order, sums.fisher, penalties, total)] };
}

/** How many of the largest penalties make half of the whole. */
function halfOf(order: readonly number[], penalties: Float64Array, total: number): number {
  let sum = 0;
  const at = order.findIndex((feature) => {
    sum += penalties[feature] as number;
    return sum >= total / 2;
  });
  return at + 1;
}

function table(
  { weights, outputs }: GeneralizedLinearLayer,
  order: readonly number[],
  fisher: Float64Array,
  penalties: Float64Array,
  total: number,
): ReportTable {
  const rows = order.map((feature): JsonNumber[] => {
    const own = weights.subarray(feature * outputs, (feature + 1) * outputs);
    const penalty = penalties[feature] as number;
    return [
      feature,
      jsonNumber(fisher[feature] as number),
      jsonNumber(own.reduce((sum, weight) => sum + weight * weight, 0)),
      jsonNumber(penalty),
      jsonNumber(total > 0 ? penalty / total : 0),
    ];
  });
  const columns = ["feature", "Fisher diagonal", "Σβ²", "equivalent penalty", "share"];
  return { title: "Features, most penalized first (sums over all samples)", columns, rows };
}

function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}
