import { GraphBuilder, makeNode } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { takenNames } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import type { TechniqueOption } from "../protocol/engine.ts";
import { ChannelMoments } from "../statistics/channel-moments.ts";
import type { SampleRuns } from "./sample-runs.ts";
import { valueTypes } from "./value-types.ts";

/**
 * "unbiased" is Σ(x − mean)²/(m − 1), which the paper uses at inference (Ioffe and Szegedy 2015,
 * algorithm 2, step 10: Var[x] = m/(m − 1)·E[σ²]); "population" divides by m.
 */
export type VarianceKind = "unbiased" | "population";

/** Asks for it. */
export const VARIANCE_OPTION: TechniqueOption = {
  name: "variance",
  kind: "choice",
  default: "unbiased",
  choices: ["unbiased", "population"],
  description: "unbiased divides by m − 1, as the paper does at inference; population by m.",
};

/** Statistics of a value with channels along axis 1, over samples and positions, in float64. */
export interface MeasuredChannels {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** m, the numbers in each channel. */
  readonly count: number;
}

/** Elements of all values that one batch may hold at once: 256 MB of float32. */
const MOST_ELEMENTS = 2 ** 26;

/** The largest batch in which samples are run. */
const BATCH = 64;

/**
 * Measures values on all samples. As many values are measured in one run as fit into memory.
 *
 * @throws InputError where there are no samples, where a value is not finite, and where a single
 *   number has no unbiased variance.
 */
export async function measureChannels(
  graph: Graph,
  values: readonly string[],
  samples: SampleRuns,
  variance: VarianceKind,
): Promise<ReadonlyMap<string, MeasuredChannels>> {
  if (samples.count === 0) throw new InputError(`data ${samples.name}: it has no samples`);
  const measured = new Map<string, MeasuredChannels>();
  for (const group of groupsOf(graph, [...new Set(values)])) {
    const moments = await runGroup(graph, group, samples);
    for (const [value, channels] of moments) {
      measured.set(value, statistics(value, channels, samples.name, variance));
    }
  }
  return measured;
}

/** Consecutive values whose elements for one batch fit into memory together. */
export function groupsOf(graph: Graph, values: readonly string[]): readonly (readonly string[])[] {
  const groups: string[][] = [];
  let room = 0;
  for (const value of values) {
    const shape = valueTypes(graph).get(value)?.shape.slice(1) ?? [];
    const known = shape.every((size) => typeof size === "number");
    const elements = known
      ? BATCH * shape.reduce<number>((product, size) => product * Number(size), 1)
      : MOST_ELEMENTS;
    if (elements > room) {
      groups.push([]);
      room = MOST_ELEMENTS;
    }
    groups.at(-1)?.push(value);
    room -= elements;
  }
  return groups;
}

async function runGroup(
  graph: Graph,
  values: readonly string[],
  samples: SampleRuns,
): Promise<ReadonlyMap<string, ChannelMoments>> {
  const { graph: readable, names } = withFloat32(graph, values);
  const moments = new Map(values.map((value) => [value, new ChannelMoments()]));
  await samples.run(readable, [...names.values()], (batch) => {
    for (const [value, name] of names) {
      const read = batch.values.get(name);
      if (read !== undefined) moments.get(value)?.add(read.dims, read.data);
    }
  });
  return moments;
}

/** Values of other floating-point types are read through a Cast. */
export function withFloat32(graph: Graph, values: readonly string[]) {
  const names = new Map<string, string>();
  const builder = new GraphBuilder(takenNames(graph));
  for (const value of values) {
    const dataType = valueTypes(graph).get(value)?.dataType ?? DataType.FLOAT;
    if (dataType === DataType.FLOAT) {
      names.set(value, value);
      continue;
    }
    const name = builder.freshName(`${value}_float32`);
    const attributes = { to: { int: DataType.FLOAT } };
    builder.nodes.push(makeNode("Cast", [value], [name], { name, attributes }));
    names.set(value, name);
  }
  const nodes = builder.nodes.length === 0 ? graph.nodes : [...graph.nodes, ...builder.nodes];
  return { graph: { ...graph, nodes }, names };
}

function statistics(
  value: string,
  { channels }: ChannelMoments,
  data: string,
  variance: VarianceKind,
): MeasuredChannels {
  const count = channels[0]?.count ?? 0;
  if (count === 0) throw new InputError(`data ${data}: value ${value} has no numbers to measure`);
  const bad = channels.findIndex(({ finite }) => finite < count);
  if (bad >= 0) {
    throw new InputError(
      `data ${data}: value ${value} is NaN or infinite in channel ${bad}, so it has no mean`,
    );
  }
  if (variance === "unbiased" && count === 1) {
    throw new InputError(
      `data ${data}: value ${value} has one number a channel, which has no unbiased variance; more samples are needed`,
    );
  }
  const divisor = variance === "unbiased" ? count - 1 : count;
  return {
    mean: Float64Array.from(channels, ({ mean }) => mean),
    variance: Float64Array.from(
      channels,
      ({ squaredDeviations }) => Math.max(0, squaredDeviations) / divisor,
    ),
    count,
  };
}
