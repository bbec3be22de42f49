import { GraphBuilder, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { takenNames } from "../graph/edit.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ConvRecipes } from "../operators/conv-recipe.ts";
import { STEP_OPSET } from "../operators/operator.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { addGradients, addTrainingForward, type ForwardTrace } from "./autodiff.ts";
import type { BatchInputs } from "./batch-feeds.ts";
import { namedParameters } from "./detail-numbers.ts";
import { partFor, withInputShape } from "./forward-part.ts";
import { type Landmark, landmarksOf } from "./landmarks.ts";
import type { LossSettings } from "./losses/loss.ts";
import { unweightedSettings } from "./losses/settings.ts";
import { LOSSES } from "./losses/table.ts";
import {
  addScalars,
  addUpdates,
  type StateTensor,
  type UpdateOptions,
} from "./parameter-updates.ts";
import { addDetails, detailCount, type StepDetails } from "./step-details.ts";
import { addDivergence } from "./variational-divergence.ts";
import { addSample, staticShape, type WatchedSample } from "./watched-sample.ts";
import { deadWhen } from "./watched-values.ts";
import { addPenalty, addPenaltyGradient } from "./weight-penalty.ts";

export interface StepOptions extends UpdateOptions {
  readonly graph: Graph;
  readonly input: string;
  readonly inputShape: readonly number[];
  /** The value the loss is taken of. */
  readonly lossValue: string;
  /** Without class weights, and with the loss's usual targets, when left out. */
  readonly lossSettings?: LossSettings;
  /** First outputs of the normalizations that go by their stored statistics; none when left out. */
  readonly frozenNormalizations?: ReadonlySet<string>;
  /** The values under the L1 and L2 penalties: weights as their layers read them. */
  readonly penalized: ReadonlySet<string>;
  /** The parameters that are log α of variational dropout. */
  readonly noise: ReadonlySet<string>;
  readonly config: UpdateOptions["config"] &
    Pick<TrainingConfig, "loss" | "lossOptions" | "l1" | "l2" | "batchNorm" | "seed">;
  /** How convolutions are computed; the plain recipes when left out. */
  readonly convolutions?: ConvRecipes;
  /** Values of which each step may give a sample. */
  readonly watched: readonly string[];
  /** Weights whose gradients are told apart where a step is looked at; no such steps when left out. */
  readonly weights?: readonly string[];
}

/** One training step as a graph of fixed shapes: forward, loss, gradients, penalties, update. */
export interface StepGraph extends BatchInputs {
  readonly graph: Graph;
  /** Names of the scalar inputs by the optimizer's own names. */
  readonly scalars: ReadonlyMap<string, string>;
  readonly loss: string;
  /** Variational dropout: the divergence of all noise, and the input that its gradient is multiplied by. */
  readonly divergence?: { readonly value: string; readonly factor: string };
  /** What L1 and L2 add to the loss; absent where there are none. */
  readonly penalty?: string;
  /** Gradient accumulation: the float32 scalar input that is 1 where the batch completes an update, else 0. */
  readonly updateDue?: string;
  /** The uint32 scalar input that masks and noise follow from; absent where nothing is drawn. */
  readonly stepNumber?: string;
  readonly output: string;
  readonly outputShape: readonly number[];
  readonly state: readonly StateTensor[];
  readonly samples: readonly WatchedSample[];
  /** Norms and dead units, and the weights that are named; absent where nothing asks for them. */
  readonly details?: StepDetails & { readonly named: readonly string[] };
  /** The values that a person can place in the model, in the order of the nodes. */
  readonly landmarks: readonly Landmark[];
}

export function buildStepGraph(options: StepOptions): StepGraph {
  const { config, input, parameters } = options;
  const wanted = [...new Set([options.lossValue, ...options.watched])];
  const graph = withInputShape(partFor(options.graph, wanted), input, options.inputShape);
  const builder = new GraphBuilder(takenNames(graph));
  const step = builder.freshName("step_number");
  const trace = addTrainingForward(builder, graph, new Map(), {
    parameters,
    isFrozen: (node) => options.frozenNormalizations?.has(node.output[0] ?? "") ?? false,
    batchNormMomentum: config.batchNorm.momentum,
    runningVariance: config.batchNorm.runningVariance,
    dropoutSeed: dropoutSeeds(graph, config.seed),
    step,
    ...(options.convolutions === undefined ? {} : { convolutions: options.convolutions }),
  });
  const output = trace.value(options.lossValue);
  const outputShape = staticShape(trace, options.lossValue);
  const target = builder.freshName("target");
  const loss = LOSSES[config.loss];
  const settings = options.lossSettings ?? unweightedSettings(config, loss.targetKind ?? "numbers");
  const labels = settings.targets === "classes";
  const targetShape = labels ? outputShape.slice(0, 1) : outputShape;
  const addedLoss = loss.add(builder, { output, shape: outputShape, target, settings });
  const seeds = new Map([[options.lossValue, addedLoss.gradient]]);
  for (const weight of options.penalized) {
    const penalty = addPenaltyGradient(builder, config, trace.value(weight));
    if (penalty !== undefined) seeds.set(weight, penalty);
  }
  const penalized = [...options.penalized].map((weight) => ({
    value: trace.value(weight),
    rank: staticShape(trace, weight).length,
  }));
  const penalty = addPenalty(builder, config, penalized);
  const gradients = addGradients(builder, trace, seeds, parameters);
  const scalars = addScalars(builder, config.optimizer);
  const divergence = addDivergences(builder, options.noise, gradients);
  const whole = divergence?.gradients ?? gradients;
  const due = config.accumulateBatches > 1 ? builder.freshName("update_due") : undefined;
  const updated = addUpdates(builder, options, whole, scalars, graph, due);
  const states = addStates(builder, trace, graph);
  const state = [...updated.state, ...states];
  const samples = options.watched.map((name) => addSample(builder, trace, name));
  const details = options.weights && addStepDetails(builder, trace, options, updated.gradients);
  const targetType = labels ? DataType.INT64 : DataType.FLOAT;
  const draws = builder.nodes.some((node) => node.input.includes(step));
  const inputs = [
    makeValueInfo(input, DataType.FLOAT, options.inputShape),
    makeValueInfo(target, targetType, targetShape),
    ...[...scalars.values()].map((name) => makeValueInfo(name, DataType.FLOAT, [])),
    ...(divergence === undefined ? [] : [makeValueInfo(divergence.factor, DataType.FLOAT, [])]),
    ...(due === undefined ? [] : [makeValueInfo(due, DataType.FLOAT, [])]),
    ...(draws ? [makeValueInfo(step, DataType.UINT32, [])] : []),
    ...(details === undefined ? [] : [makeValueInfo(details.due, DataType.BOOL, [])]),
    ...state.map(({ name, dims }) => makeValueInfo(name, DataType.FLOAT, dims)),
  ];
  const outputs: ValueInfo[] = [
    makeValueInfo(addedLoss.loss, DataType.FLOAT, []),
    ...(divergence === undefined ? [] : [makeValueInfo(divergence.value, DataType.FLOAT, [])]),
    ...(penalty === undefined ? [] : [makeValueInfo(penalty, DataType.FLOAT, [])]),
    makeValueInfo(output, DataType.FLOAT, outputShape),
    ...state.map(({ next, dims }) => makeValueInfo(next, DataType.FLOAT, dims)),
    ...samples.map(({ output, count }) => makeValueInfo(output, DataType.FLOAT, [count])),
    ...(details === undefined
      ? []
      : [makeValueInfo(details.output, DataType.FLOAT, [detailCount(details)])]),
  ];
  const landmarks = landmarksOf(builder.nodes, {
    trace,
    loss: { value: addedLoss.loss, of: options.lossValue },
    gradients: whole,
    state,
  });
  return {
    graph: builder.build("training step", inputs, uniqueOutputs(outputs), STEP_OPSET),
    input,
    inputShape: options.inputShape,
    target,
    targetShape,
    scalars,
    loss: addedLoss.loss,
    ...(divergence === undefined ? {} : { divergence }),
    ...(penalty === undefined ? {} : { penalty }),
    ...(due === undefined ? {} : { updateDue: due }),
    ...(draws ? { stepNumber: step } : {}),
    output,
    outputShape,
    state,
    samples,
    ...(details === undefined
      ? {}
      : { details: { ...details, named: namedParameters(options.weights ?? []) } }),
    landmarks,
  };
}

/**
 * No two masks the same: the number of the node that makes a value in the graph goes into the seed.
 * The value is the same where training writes the node differently.
 */
export function dropoutSeeds(graph: Graph, seed: number) {
  const numbers = new Map(graph.nodes.map((node, number) => [node.output[0], number]));
  return (node: Graph["nodes"][number]) =>
    (seed * 65_537 + (numbers.get(node.output[0]) ?? 0)) % 2 ** 31;
}

/** The divergence of all noise, and the gradients with `factor` times its own. */
function addDivergences(
  builder: GraphBuilder,
  noise: ReadonlySet<string>,
  gradients: ReadonlyMap<string, string>,
) {
  if (noise.size === 0) return undefined;
  const factor = builder.freshName("divergence_factor");
  const added = [...noise].map((name) => ({ name, ...addDivergence(builder, name) }));
  const value = builder.add(
    "Sum",
    added.map(({ divergence }) => divergence),
  );
  const changed = added.map(({ name, gradient }) => {
    const penalty = builder.add("Mul", [gradient, factor]);
    return [name, builder.add("Add", [gradients.get(name) as string, penalty])] as const;
  });
  return { value, factor, gradients: new Map([...gradients, ...changed]) };
}

function addStepDetails(
  builder: GraphBuilder,
  trace: ForwardTrace,
  { graph, watched }: StepOptions,
  gradients: ReadonlyMap<string, string>,
): StepDetails | undefined {
  return addDetails(
    builder,
    [...gradients].map(([parameter, gradient]) => {
      const { dims } = graph.initializers.get(parameter) as Tensor;
      return { parameter, gradient, rank: dims.length };
    }),
    watched.map((name) => ({
      name,
      value: trace.value(name),
      rank: staticShape(trace, name).length,
      deadWhen: deadWhen(graph, name),
    })),
  );
}

function addStates(
  builder: GraphBuilder,
  trace: ForwardTrace,
  graph: Graph,
): readonly StateTensor[] {
  return trace.stateUpdates.map(({ parameter, next }) => ({
    name: parameter,
    // A graph output must come from a node, also where nothing changes.
    next: next === parameter ? builder.add("Identity", [next]) : next,
    dims: (graph.initializers.get(parameter) as Tensor).dims,
    kind: "state",
  }));
}

function uniqueOutputs(outputs: readonly ValueInfo[]): readonly ValueInfo[] {
  return [...new Map(outputs.map((output) => [output.name, output])).values()];
}
