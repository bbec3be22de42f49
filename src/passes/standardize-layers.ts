import { GraphBuilder } from "../graph/builder.ts";
import { constantValue } from "../graph/constants.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import type { ReportTable } from "../protocol/reports.ts";
import { ChannelMoments } from "../statistics/channel-moments.ts";
import { type Moments, standardDeviation } from "../statistics/moments.ts";
import { hasOneReader, nameForChanged } from "./fold-pattern.ts";
import { knownValues } from "./known-tensor.ts";
import type { LinearLayer } from "./linear-layer.ts";
import { linearOperator } from "./linear-operators.ts";
import { siteId } from "./pass.ts";
import { isRefusal, nodeLabel } from "./refusal.ts";
import type { SampleRuns, ValueBatch } from "./sample-runs.ts";
import { roundOnce } from "./scaled-tensor.ts";
import { rankOf } from "./value-types.ts";

/** A layer and the channels of its pre-activation, W·x + b. */
interface PreActivation {
  readonly layer: LinearLayer;
  /** The Add behind a MatMul that is its bias. */
  readonly add?: { readonly node: Node; readonly input: number; readonly bias: Tensor };
  readonly value: string;
}

interface Measured {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** A graph, and a node of it. */
export interface LayerInGraph {
  readonly graph: Graph;
  readonly node: Node;
}

export interface Standardized {
  readonly graph: Graph;
  readonly table: ReportTable;
  /** The largest |mean| and |variance − 1| of any channel of the result. */
  readonly worst: number;
}

/** A layer that was standardized. */
interface StandardizedLayer {
  readonly place: PreActivation;
  readonly before: Measured;
  readonly after: readonly Moments[];
}

/**
 * Gives each pre-activation t = W·x + b mean 0 and variance 1 per channel on the data, layer by
 * layer, so that each is measured with those before it changed already:
 *
 *   W ← W/σ[t],  b ← (b − μ[t])/σ[t]
 *
 * Source: T. Salimans and D. Kingma, "Weight Normalization", 2016, eq. 5 and 6.
 *
 * A channel that varies by a thousandth of its mean, as behind a pooling, shows a difference in the
 * layers before it a thousand times as large. So those are in their final form when it is measured
 * (g·v/‖v‖ rounds otherwise than W/σ), and the runtime computes their pre-activations as they stand:
 * fused with what follows, a whole channel of them rounds otherwise, and measured in a model that
 * shows them all, variances were off by up to 10⁻³.
 *
 * @param nodes linear layers in topological order, each with a stored weight.
 * @param write gives a layer of a graph its final form; its result keeps its name.
 * @throws InputError where a channel does not vary on the data, or a bias cannot be changed.
 */
export async function standardizeLayers(
  graph: Graph,
  nodes: readonly Node[],
  samples: SampleRuns,
  write: (layer: LayerInGraph, original: Node) => Graph,
): Promise<Standardized> {
  const layers: StandardizedLayer[] = [];
  const values: string[] = [];
  let current = graph;
  let last: Omit<StandardizedLayer, "after"> | undefined;
  // Nothing behind a layer changes it, so it is measured for the last time together with the next.
  for (const node of [...nodes, undefined]) {
    const place = node === undefined ? undefined : preActivation(current, node);
    const places = [last?.place, place].filter((each) => each !== undefined);
    const measured = await channelMoments(current, places, samples, values);
    if (last !== undefined) layers.push({ ...last, after: measured[0] ?? [] });
    if (node === undefined || place === undefined) break;
    const before = requireVaried(place, measured.at(-1) ?? [], samples);
    current = write(standardized(current, place, before), node);
    values.push(place.value);
    last = { place, before };
  }
  const title = `Pre-activations on ${samples.name}`;
  const table = { title, columns: COLUMNS, rows: layers.map(tableRow) };
  const worst = layers.map(({ after }) => Math.max(...worstOf(after))).reduce(larger, 0);
  return { graph: current, table, worst };
}

const COLUMNS = [
  "layer",
  "units",
  "means before",
  "deviations before",
  "largest |mean| after",
  "largest |variance − 1| after",
];

function tableRow({ place, before, after }: StandardizedLayer): readonly (string | number)[] {
  const { mean, deviation } = before;
  const range = (values: Float64Array) => {
    const [least, most] = [values.reduce((a, b) => Math.min(a, b)), values.reduce(larger)];
    return `${least.toPrecision(3)} to ${most.toPrecision(3)}`;
  };
  const { node } = place.layer;
  return [siteId(node), mean.length, range(mean), range(deviation), ...worstOf(after)];
}

/** The largest |mean| and |variance − 1| of the channels. */
function worstOf(moments: readonly Moments[]): readonly [number, number] {
  const means = moments.map((each) => Math.abs(each.mean));
  const variances = moments.map((each) => Math.abs(standardDeviation(each) ** 2 - 1));
  return [means.reduce(larger, 0), variances.reduce(larger, 0)];
}

function larger(a: number, b: number): number {
  return Math.max(a, b);
}

function preActivation(graph: Graph, node: Node): PreActivation {
  const layer = linearOperator(node)?.seenFromOutput(graph, node);
  if (layer === undefined || isRefusal(layer)) {
    throw new InputError(
      layer?.reason.replace(/\.$/, "") ?? `${nodeLabel(node)}: is no linear layer`,
    );
  }
  const output = node.output[0] ?? "";
  const add = layer.shift === "appended" ? biasBehind(graph, layer, output) : undefined;
  return add === undefined
    ? { layer, value: output }
    : { layer, add, value: add.node.output[0] ?? "" };
}

/** The Add of one constant a channel that alone reads a product. */
function biasBehind(graph: Graph, { axis, channels }: LinearLayer, product: string) {
  const use = indexOf(graph).uses(product)[0];
  if (use === undefined || !hasOneReader(graph, product)) return undefined;
  const { node } = use;
  if (node.opType !== "Add" || !isStandardDomain(node.domain)) return undefined;
  const input = 1 - use.input;
  const bias = constantValue(graph, node.input[input] ?? "");
  if (bias === undefined || elementCount(bias.dims) !== channels) return undefined;
  // Shapes are lined up at the right, so that is where the channels have to meet.
  const fromRight = axis - (rankOf(graph, product) ?? 0);
  return bias.dims.at(fromRight) === channels ? { node, input, bias } : undefined;
}

/**
 * The moments of each channel over all samples and positions, one list a place.
 *
 * @param apart values before them that the runtime is to compute as they stand.
 */
async function channelMoments(
  graph: Graph,
  places: readonly PreActivation[],
  samples: SampleRuns,
  apart: readonly string[],
): Promise<(readonly Moments[])[]> {
  const moments = places.map(() => new ChannelMoments());
  const wanted = places.map(({ value }) => value);
  const visit = ({ values }: ValueBatch) => {
    for (const [position, { layer, value }] of places.entries()) {
      const found = values.get(value);
      if (found === undefined) continue;
      const { dims, data } = found;
      const before = elementCount(dims.slice(0, layer.axis));
      const behind = elementCount(dims.slice(layer.axis + 1));
      moments[position]?.add([before, layer.channels, behind], data);
    }
  };
  await samples.run(graph, wanted, visit, { apart });
  return moments.map(({ channels }) => channels);
}

/** @throws InputError where a channel is the same for all samples. */
function requireVaried(
  { layer }: PreActivation,
  moments: readonly Moments[],
  { name, count }: SampleRuns,
): Measured {
  const label = nodeLabel(layer.node);
  for (const [unit, each] of moments.entries()) {
    if (each.finite < each.count) {
      throw new InputError(`${label}: output unit ${unit} is not finite on ${name}`);
    }
    // Rounding of float32 makes a constant vary by some units in the last place.
    const noise = Math.max(Math.abs(each.min), Math.abs(each.max)) * CONSTANT_SHARE;
    if (!(standardDeviation(each) > noise)) {
      throw new InputError(
        `${label}: output unit ${unit} is ${each.mean.toPrecision(3)} on all of ${name} (${count} samples), so that no g gives it variance 1`,
      );
    }
  }
  return {
    mean: Float64Array.from(moments, ({ mean }) => mean),
    deviation: Float64Array.from(moments, standardDeviation),
  };
}

/** A channel that varies less than this share of its magnitude is rounding, not signal. */
const CONSTANT_SHARE = 2 ** -20;

function standardized(
  graph: Graph,
  { layer, add }: PreActivation,
  { mean, deviation }: Measured,
): LayerInGraph {
  const names = { builder: new GraphBuilder(takenNames(graph)), copies: false };
  const scale = deviation.map((value) => 1 / value);
  const shift = mean.map((value, channel) => -value / (deviation[channel] as number));
  const own = add === undefined ? shift : shift.slice().fill(0);
  const absorption = layer.absorb({ scale, shift: own });
  if (isRefusal(absorption)) throw new InputError(absorption.reason.replace(/\.$/, ""));
  const { node } = layer;
  const built = absorption.build({ names, output: node.output[0] ?? "" });
  const replace = new Map<Node, readonly Node[]>([[node, built.nodes], ...(built.replace ?? [])]);
  const initializers = [...built.initializers];
  if (add !== undefined) {
    const values = knownValues(add.bias);
    if (isRefusal(values)) throw new InputError(values.reason.replace(/\.$/, ""));
    const moved = values.map((b, c) => b * (scale[c] as number) + (shift[c] as number));
    const value = add.node.input[add.input] ?? "";
    const name = nameForChanged(graph, value, add.bias, names);
    initializers.push(roundOnce(name, add.bias.dims, add.bias.dataType, moved));
    const input = add.node.input.map((each, position) => (position === add.input ? name : each));
    replace.set(add.node, [changeNode(add.node, { input })]);
  }
  const changed = built.nodes.find(({ opType }) => opType === node.opType) ?? node;
  return { graph: changeGraph(graph, { replace, initializers }), node: changed };
}
