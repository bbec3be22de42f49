import { type GraphBuilder, makeNode } from "../graph/builder.ts";
import { changeNode } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { roundedTensor } from "../graph/numbers.ts";
import { calibrationTable } from "./calibration-table.ts";
import { changeSites, type SiteChange, sitesOf } from "./candidates.ts";
import { calibratedPlan, exactPlan, freshPlan, type InsertionPlan } from "./insertion-plan.ts";
import { type Insertion, insertionSites, insertionTitle } from "./insertion-sites.ts";
import { type MeasuredChannels, measureChannels } from "./measured-channels.ts";
import { type Pass, type PassOptions, type PassResult, siteId } from "./pass.ts";
import { layerWithoutBias } from "./pre-activation-bias.ts";
import { isRefusal, type Refusal } from "./refusal.ts";
import type { SampleRuns } from "./sample-runs.ts";
import { requireSites } from "./sites.ts";

/**
 * Puts a BatchNorm behind linear layers, before or after their nonlinearity:
 *
 *   y = γ·(t − μ)/√(σ² + ε) + β   with   t = W·x + b
 *
 * The BatchNorm's result takes the name of t, so that everybody who read t reads it. "exact" and
 * "calibrated" choose the numbers so that the model's function stays; "fresh" is for training.
 *
 * Source: Ioffe and Szegedy, "Batch Normalization", 2015, section 3.2: the transform goes right
 * before the nonlinearity, and the bias b is left out, because β takes its role.
 */
export const insertBatchNorm: Pass = {
  id: "insert-batch-norm",
  title: "Insert BatchNorm",
  description: "Puts a BatchNorm behind linear layers, before or after their nonlinearity.",
  options: [
    {
      name: "mode",
      kind: "choice",
      default: "exact",
      choices: ["exact", "calibrated", "fresh"],
      description:
        "exact and calibrated keep the function, calibrated with the data's mean and variance; fresh starts at scale 1 and shift 0 for training.",
    },
    {
      name: "place",
      kind: "choice",
      default: "before",
      choices: ["before", "after"],
      description: "Before the nonlinearity, as the paper has it, or after it.",
    },
    {
      name: "outputLayer",
      kind: "boolean",
      default: false,
      description: "Also behind layers that no nonlinearity follows, such as the model's last.",
    },
    {
      name: "epsilon",
      kind: "number",
      default: 1e-5,
      minimum: 1e-12,
      maximum: 0.5,
      description: "What is added to the variance.",
    },
  ],
  data: { option: "mode", values: ["calibrated"] },
  preserves: ({ mode }) => (mode === "fresh" ? "nothing" : "inference"),
  find: (graph, options) =>
    sitesOf(insertionSites(graph, insertionOptions(options)), (insertion) => ({
      title: insertionTitle(insertion, "BatchNorm"),
    })),
  apply: (graph, sites, options) => {
    if (options.mode === "calibrated") {
      throw new InputError("insert-batch-norm: mode calibrated needs data to measure on");
    }
    return insert(graph, chosen(graph, sites, options), options, new Map());
  },
  applyOnData,
};

function insertionOptions({ place, outputLayer }: PassOptions) {
  return {
    place: place === "after" ? ("after" as const) : ("before" as const),
    outputLayer: outputLayer === true,
  };
}

function chosen(graph: Graph, sites: readonly string[] | undefined, options: PassOptions) {
  const wanted = requireSites(insertBatchNorm, graph, sites, options);
  return insertionSites(graph, insertionOptions(options)).filter(({ node }) =>
    wanted(siteId(node)),
  );
}

async function applyOnData(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
  samples: SampleRuns,
): Promise<PassResult> {
  if (options.mode !== "calibrated") return insertBatchNorm.apply(graph, sites, options);
  const places = chosen(graph, sites, options);
  const values = places.flatMap(({ plan }) => (isRefusal(plan) ? [] : [normalizedValue(plan)]));
  // Nothing that is inserted changes what another layer sees, so one measurement is of them all.
  const measured = await measureChannels(graph, values, samples, "unbiased");
  const result = insert(graph, places, options, measured);
  // E[t] is taken away and added again.
  const tables = [calibrationTable(measured, samples.name)];
  return { ...result, tables, reconditions: true };
}

/** The value that is normalized, by its name in the graph without the BatchNorm. */
function normalizedValue({ value, behind }: Insertion): string {
  return behind?.output[0] ?? value;
}

function insert(
  graph: Graph,
  places: ReturnType<typeof chosen>,
  options: PassOptions,
  measured: ReadonlyMap<string, MeasuredChannels>,
): PassResult {
  let biases = 0;
  const result = changeSites(graph, places, (insertion, names) => {
    const plan = planFor(graph, insertion, options, measured);
    if (isRefusal(plan)) return plan;
    if (plan.dropsBias) biases++;
    return addBatchNorm(plan, epsilonOf(options), names);
  });
  if (options.mode !== "fresh") return result;
  const statement = freshStatement(result.applied.length, biases);
  return { ...result, siteOutputs: [], statement };
}

function freshStatement(batchNorms: number, biases: number): string {
  const starts = batchNorms === 1 ? "1 BatchNorm starts" : `${batchNorms} BatchNorms start`;
  const they = batchNorms === 1 ? "it makes" : "they make";
  const gone =
    biases === 1
      ? `1 bias that ${they} redundant is`
      : `${biases} biases that ${they} redundant are`;
  return `${starts} with scale 1 and shift 0, and ${gone} gone: the model is to be trained.`;
}

/** ONNX stores attributes as float32, so that is the epsilon every runtime adds. */
function epsilonOf({ epsilon }: PassOptions): number {
  return Math.fround(Number(epsilon));
}

function planFor(
  graph: Graph,
  insertion: Insertion,
  options: PassOptions,
  measured: ReadonlyMap<string, MeasuredChannels>,
): InsertionPlan | Refusal {
  if (options.mode === "fresh") return freshPlan(graph, insertion);
  const channels = measured.get(normalizedValue(insertion));
  return channels === undefined
    ? exactPlan(insertion, epsilonOf(options))
    : calibratedPlan(graph, insertion, channels, epsilonOf(options));
}

/** The node before the place gives its result another name, and the BatchNorm takes it over. */
function addBatchNorm(plan: InsertionPlan, epsilon: number, names: GraphBuilder): SiteChange {
  const { layer, add, behind, dataType, channels, numbers, dropsBias } = plan;
  const value = normalizedValue(plan);
  const input = names.freshName(`${value}_before_norm`);
  const name = names.freshName(`${siteId(layer)}_norm`);
  const initializers = (
    [
      ["weight", numbers.gamma],
      ["bias", numbers.beta],
      ["running_mean", numbers.mean],
      ["running_var", numbers.variance],
    ] as const
  ).map(([stem, values]) =>
    roundedTensor(names.freshName(`${name}.${stem}`), [channels], dataType, values),
  );
  const inputs = [input, ...initializers.map((tensor) => tensor.name)];
  const attributes = { epsilon: { float: epsilon } };
  const batchNorm = makeNode("BatchNormalization", inputs, [value], { name, attributes });
  const replace = new Map<Node, readonly Node[]>();
  if (dropsBias) {
    if (add !== undefined) replace.set(add, []);
    replace.set(layer, [layerWithoutBias(layer, input), batchNorm]);
  } else {
    const last = behind ?? add ?? layer;
    const output = [input, ...last.output.slice(1)];
    replace.set(last, [changeNode(last, { output }), batchNorm]);
  }
  return { replace, initializers, into: name, keeps: value };
}
