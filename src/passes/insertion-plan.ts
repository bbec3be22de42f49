import type { Graph } from "../graph/graph.ts";
import { readFloat64, roundedTensor } from "../graph/numbers.ts";
import type { Insertion } from "./insertion-sites.ts";
import type { MeasuredChannels } from "./measured-channels.ts";
import { overflowOf } from "./overflow.ts";
import { channelBias, hasBias } from "./pre-activation-bias.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";

/** The numbers of a BatchNorm, one a channel. */
export interface BatchNormNumbers {
  readonly gamma: Float64Array;
  readonly beta: Float64Array;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

export interface InsertionPlan extends Insertion {
  readonly numbers: BatchNormNumbers;
  /** The layer's bias goes: beta takes its place. */
  readonly dropsBias: boolean;
}

/** gamma 1, beta 0, mean 0, variance 1; beta makes the bias right before it redundant. */
export function freshPlan(graph: Graph, insertion: Insertion): InsertionPlan {
  const { channels } = insertion;
  const numbers = {
    gamma: filled(channels, 1),
    beta: filled(channels, 0),
    mean: filled(channels, 0),
    variance: filled(channels, 1),
  };
  return { ...insertion, numbers, dropsBias: movableBias(graph, insertion) !== undefined };
}

/**
 * With μ = 0, σ² = 1 − ε as it is stored, γ = √(σ² + ε) and β = 0,
 *
 *   γ·(t − μ)/√(σ² + ε) + β = t.
 */
export function exactPlan(insertion: Insertion, epsilon: number): InsertionPlan | Refusal {
  const { channels, dataType } = insertion;
  const variance = stored(dataType, filled(channels, 1 - epsilon));
  const gamma = variance.map((value) => Math.sqrt(value + epsilon));
  const numbers = { gamma, beta: filled(channels, 0), mean: filled(channels, 0), variance };
  return held({ ...insertion, numbers, dropsBias: false });
}

/**
 * With μ = E[W·x] and σ² = Var[W·x] as they are stored, γ = √(σ² + ε) and β = μ + b,
 *
 *   γ·(W·x − μ)/√(σ² + ε) + β = W·x + b.
 *
 * The mean is measured of W·x + b and b taken off it. A bias that is not known stays in the layer,
 * where it is a part of what is measured.
 */
export function calibratedPlan(
  graph: Graph,
  insertion: Insertion,
  measured: MeasuredChannels,
  epsilon: number,
): InsertionPlan | Refusal {
  const bias = movableBias(graph, insertion);
  const { dataType } = insertion;
  const without = measured.mean.map((value, channel) => value - (bias?.[channel] ?? 0));
  const mean = stored(dataType, without);
  const variance = stored(dataType, measured.variance);
  const gamma = variance.map((value) => Math.sqrt(value + epsilon));
  const beta = mean.map((value, channel) => value + (bias?.[channel] ?? 0));
  const numbers = { gamma, beta, mean, variance };
  return held({ ...insertion, numbers, dropsBias: bias !== undefined });
}

/** The bias that stands right before the place, where there is one and it is known. */
function movableBias(graph: Graph, insertion: Insertion): Float64Array | undefined {
  if (insertion.behind !== undefined || !hasBias(insertion)) return undefined;
  const bias = channelBias(graph, insertion);
  return isRefusal(bias) ? undefined : bias;
}

function held(plan: InsertionPlan): InsertionPlan | Refusal {
  const { gamma, beta, mean, variance } = plan.numbers;
  for (const values of [gamma, beta, mean, variance]) {
    const overflow = overflowOf(values, plan.dataType);
    if (overflow !== undefined) return tooLarge(plan, overflow);
  }
  return plan;
}

function tooLarge({ layer }: Insertion, overflow: string): Refusal {
  return refuse(`The BatchNorm behind ${nodeLabel(layer)} would have to store ${overflow}.`);
}

/** The values that a type holds in place of the given ones. */
export function stored(dataType: Insertion["dataType"], values: Float64Array): Float64Array {
  return readFloat64(roundedTensor("", [values.length], dataType, values));
}

function filled(count: number, value: number): Float64Array {
  return new Float64Array(count).fill(value);
}

export interface MeanOnlyPlan extends Insertion {
  readonly mean: Float64Array;
  readonly beta: Float64Array;
  /** The layer's bias goes: beta takes its place. */
  readonly dropsBias: boolean;
}

/**
 * With μ = E[W·x] as it is stored, or 0 where nothing was measured, and β = μ + b,
 *
 *   W·x − μ + β = W·x + b.
 */
export function meanOnlyPlan(
  graph: Graph,
  insertion: Insertion,
  measured: Float64Array | undefined,
): MeanOnlyPlan | Refusal {
  const { channels, dataType } = insertion;
  const bias = movableBias(graph, insertion);
  const off = bias ?? filled(channels, 0);
  const without = measured?.map((value, channel) => value - (off[channel] as number));
  const mean = stored(dataType, without ?? filled(channels, 0));
  const beta = mean.map((value, channel) => value + (off[channel] as number));
  const overflow = overflowOf(mean, dataType) ?? overflowOf(beta, dataType);
  if (overflow !== undefined) return tooLarge(insertion, overflow);
  return { ...insertion, mean, beta, dropsBias: bias !== undefined };
}
