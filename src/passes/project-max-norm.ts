import { GraphBuilder } from "../graph/builder.ts";
import { DataType, dataTypeName } from "../graph/data-type.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { readFloat64 } from "../graph/numbers.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import { constraintText, weightRules, withWeightRules } from "../graph/weight-rules.ts";
import { maxNormConstraint, takesMaxNorm } from "../operators/max-norm-constraint.ts";
import { unitNorms } from "../operators/unit-sums.ts";
import type { ReportTable } from "../protocol/reports.ts";
import { type Candidate, sitesOf } from "./candidates.ts";
import { changedName } from "./changed-name.ts";
import { type Pass, type PassOptions, type PassResult, siteId } from "./pass.ts";
import { isRefusal, nodeLabel, refuse } from "./refusal.ts";
import { scaledTensor } from "./scaled-tensor.ts";
import { requireSites } from "./sites.ts";
import { unitLayout } from "./unit-layout.ts";
import { type UnitWeight, unitWeight } from "./unit-weight.ts";

/**
 * Brings the weights of each output unit back into a ball of radius c:
 *
 *   w ← w·min(1, c/‖w‖)
 *
 * N. Srivastava et al., "Dropout", 2014, section 5.1. A run with maxNorm does so after every step
 * (training/max-norm.ts); here it is done once, to a model as it is.
 */
export const projectMaxNorm: Pass = {
  id: "project-max-norm",
  title: "Limit weight norms",
  description: "Shortens the weights of each output unit to at most a given length.",
  options: [
    {
      name: "limit",
      description: "longest weight vector of a unit, above 0",
      kind: "number",
      default: 3,
      minimum: 0,
    },
    {
      name: "constraint",
      description:
        "also state the limit as the layers' own max-norm constraint, which training with Keras or NormLens goes by from then on",
      kind: "boolean",
      default: false,
    },
  ],
  data: "never",
  preserves: () => "nothing",
  find: (graph, options) =>
    sitesOf(candidates(graph, options.constraint === true), (_, id) => ({
      title: `Limit the weight norms of ${id}`,
    })),
  apply,
};

function candidates(graph: Graph, constrains: boolean): readonly Candidate<UnitWeight>[] {
  return graph.nodes.flatMap((node) => {
    const weight = unitWeight(graph, node);
    if (weight === undefined) return [];
    if (isRefusal(weight) || !constrains) return [{ node, plan: weight }];
    const { constraint } = weightRules(node, weight.input);
    if (constraint === undefined || takesMaxNorm(constraint)) return [{ node, plan: weight }];
    const reason = `${nodeLabel(node)} has another constraint for its weight already: ${constraintText(constraint)}.`;
    return [{ node, plan: refuse(reason) }];
  });
}

/** One weight, and the layers that read it with the same units. */
interface Projection {
  readonly weight: UnitWeight;
  readonly readers: UnitWeight[];
  /** min(1, c/‖w‖) of each unit. */
  readonly factors: Float64Array;
  readonly norms: Float64Array;
}

/** @throws InputError for a limit that is not above 0, or too small for the weights, and for a unit that is not finite. */
function apply(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
): PassResult {
  const limit = Number(options.limit);
  if (!(limit > 0)) {
    throw new InputError(
      `${projectMaxNorm.id}: option limit is ${options.limit}; a number above 0 is needed`,
    );
  }
  const wanted = requireSites(projectMaxNorm, graph, sites, options);
  const constrains = options.constraint === true;
  const skipped: { node: string; reason: string }[] = [];
  const projections = new Map<string, Projection>();
  for (const { node, plan: weight } of candidates(graph, constrains)) {
    if (!wanted(siteId(node))) continue;
    if (isRefusal(weight)) {
      skipped.push({ node: siteId(node), reason: weight.reason });
      continue;
    }
    const key = JSON.stringify([weight.value, weight.units]);
    const known = projections.get(key);
    if (known === undefined) projections.set(key, projectionOf(weight, limit));
    else known.readers.push(weight);
  }
  const all = [...projections.values()];
  const changed = all.filter(({ factors }) => factors.some((factor) => factor < 1));
  return {
    graph: projected(graph, changed, constrains ? { all, limit } : undefined),
    applied: (constrains ? all : changed).flatMap(({ readers }) =>
      readers.map(({ node }) => ({ node: siteId(node), into: siteId(node) })),
    ),
    skipped,
    siteOutputs: [],
    statement: statementOf(all, limit, constrains),
    tables: [tableOf(all, limit)],
  };
}

/** Distance from 1 to the next larger number of each type. */
const UNITS: ReadonlyMap<DataType, number> = new Map([
  [DataType.FLOAT, 2 ** -23],
  [DataType.DOUBLE, 2 ** -52],
  [DataType.FLOAT16, 2 ** -10],
  [DataType.BFLOAT16, 2 ** -7],
]);

/** The smallest number of each type that has all its digits. */
const SMALLEST: ReadonlyMap<DataType, number> = new Map([
  [DataType.FLOAT, 2 ** -126],
  [DataType.DOUBLE, 2 ** -1022],
  [DataType.FLOAT16, 2 ** -14],
  [DataType.BFLOAT16, 2 ** -126],
]);

/** @throws InputError for a unit that is not finite, and for a limit at which its weights would vanish. */
function projectionOf(weight: UnitWeight, limit: number): Projection {
  const norms = unitNorms(readFloat64(weight.tensor), weight.units);
  const bad = norms.findIndex((norm) => !Number.isFinite(norm));
  if (bad >= 0) {
    throw new InputError(
      `${nodeLabel(weight.node)}: output unit ${bad} has a weight that is not finite, so that its length cannot be limited`,
    );
  }
  // A unit that was brought to the limit and rounded is at the limit.
  const most = limit * (1 + (UNITS.get(weight.tensor.dataType) ?? 0));
  const factors = norms.map((norm) => (norm > most ? limit / norm : 1));
  const inputs = elementCount(weight.tensor.dims) / norms.length;
  const smallest = (SMALLEST.get(weight.tensor.dataType) ?? 0) * Math.sqrt(inputs);
  if (limit < smallest && factors.some((factor) => factor < 1)) {
    throw new InputError(
      `${projectMaxNorm.id}: option limit is ${limit}; ${nodeLabel(weight.node)} has ${inputs} weights a unit, which ${dataTypeName(weight.tensor.dataType)} holds from ${smallest.toPrecision(3)} on`,
    );
  }
  return { weight, readers: [weight], norms, factors };
}

/** @param stated the layers that get the limit as their constraint. */
function projected(
  graph: Graph,
  changed: readonly Projection[],
  stated: { readonly all: readonly Projection[]; readonly limit: number } | undefined,
): Graph {
  const names = { builder: new GraphBuilder(takenNames(graph)), ending: "limited" };
  const initializers: Tensor[] = [];
  const inputs = new Map<Node, Map<number, string>>();
  for (const { weight, readers, factors } of changed) {
    const layout = unitLayout(weight.units);
    if (layout === undefined) throw new Error(`units of ${siteId(weight.node)} alternate`);
    const name = changedName(graph, weight.value, readers, names);
    initializers.push(scaledTensor(name, weight.tensor, layout, factors));
    for (const { node, input } of readers) {
      inputs.set(node, (inputs.get(node) ?? new Map<number, string>()).set(input, name));
    }
  }
  const replace = new Map<Node, readonly Node[]>();
  for (const [node, names] of inputs) {
    const input = node.input.map((value, position) => names.get(position) ?? value);
    replace.set(node, [changeNode(node, { input })]);
  }
  for (const weight of stated?.all.flatMap(({ readers }) => readers) ?? []) {
    const node = replace.get(weight.node)?.[0] ?? weight.node;
    const { units, tensor } = weight;
    const constraint = maxNormConstraint(units, tensor.dims, stated?.limit ?? 0);
    replace.set(weight.node, [withWeightRules(node, weight.input, { constraint })]);
  }
  return changeGraph(graph, { replace, initializers });
}

function statementOf(
  projections: readonly Projection[],
  limit: number,
  constrains: boolean,
): string {
  const count = (each: Projection) => each.factors.filter((factor) => factor < 1).length;
  const scaled = projections.reduce((sum, each) => sum + count(each), 0);
  const units = projections.reduce((sum, { norms }) => sum + norms.length, 0);
  const layers = projections.filter((each) => count(each) > 0).length;
  const done =
    scaled === 0
      ? `No unit's weights are longer than ${limit}: ${constrains ? "no weight" : "nothing"} is changed.`
      : `${scaled} of ${units} units in ${layers} of ${projections.length} layers were shortened to ‖w‖ = ${limit}; the function is another one.`;
  return constrains
    ? `${done} Each of the ${projections.length} layers has the limit as its constraint.`
    : done;
}

function tableOf(projections: readonly Projection[], limit: number): ReportTable {
  const rows = projections.map(({ weight, norms, factors }) => [
    siteId(weight.node),
    norms.length,
    factors.filter((factor) => factor < 1).length,
    norms.reduce((a, b) => Math.max(a, b), 0),
    norms.reduce((a, b) => a + b, 0) / norms.length,
    factors.reduce((a, b) => Math.min(a, b), 1),
  ]);
  const columns = ["layer", "units", "shortened", "longest", "mean length", "smallest factor"];
  return { title: `Weight norms against the limit ${limit}`, columns, rows };
}
