import { GraphBuilder, makeNode, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { takenNames } from "../graph/edit.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { STEP_OPSET } from "../operators/operator.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { addGradients, type ForwardTrace } from "./autodiff.ts";
import type { BatchInputs } from "./batch-feeds.ts";
import { namedParameters } from "./detail-numbers.ts";
import { partFor, withInputShape } from "./forward-part.ts";
import { type Landmark, landmarksOf } from "./landmarks.ts";
import { addLossForward, type LossForwardOptions } from "./loss-forward.ts";
import type { LossSettings } from "./losses/loss.ts";
import { unweightedSettings } from "./losses/settings.ts";
import { LOSSES } from "./losses/table.ts";
import {
  addScalars,
  addUpdates,
  type StateTensor,
  type UpdateOptions,
  type Updates,
} from "./parameter-updates.ts";
import { addObservation, type ObservedParts, type StepObservation } from "./step-observation.ts";
import { addDivergence } from "./variational-divergence.ts";
import { staticShape } from "./watched-sample.ts";
import { deadWhen } from "./watched-values.ts";
import { addPenalty, addPenaltyGradient, type WeightPenalty } from "./weight-penalty.ts";

export interface StepOptions
  extends UpdateOptions,
    Omit<LossForwardOptions, "lossSettings" | "config" | "mode" | "step" | "parameters"> {
  readonly graph: Graph;
  /** Without class weights, and with the loss's usual targets, when left out. */
  readonly lossSettings?: LossSettings;
  /** The values under the L1 and L2 penalties: weights as their layers read them. */
  readonly penalized: ReadonlySet<string>;
  /** Penalties that the model's layers state, by value; none when left out. */
  readonly penalties?: ReadonlyMap<string, WeightPenalty>;
  /** The parameters that are log α of variational dropout. */
  readonly noise: ReadonlySet<string>;
  readonly config: UpdateOptions["config"] &
    Pick<TrainingConfig, "loss" | "lossOptions" | "l1" | "l2" | "batchNorm" | "seed"> &
    Partial<Pick<TrainingConfig, "fromModel">>;
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
  /** Absent where nothing is looked at. */
  readonly observation?: StepObservation;
  /** The values that a person can place in the model, in the order of the nodes. */
  readonly landmarks: readonly Landmark[];
}

export function buildStepGraph(options: StepOptions): StepGraph {
  const { config, input, inputShape, parameters, lossValue } = options;
  const wanted = [...new Set([lossValue, ...options.watched])];
  const graph = withInputShape(partFor(options.graph, wanted), input, inputShape);
  const builder = new GraphBuilder(takenNames(graph));
  const step = builder.freshName("step_number");
  const lossSettings = options.lossSettings ?? usualSettings(config);
  const forward = addLossForward(builder, graph, { ...options, lossSettings, step });
  const { trace, target, targetShape, output, outputShape, loss } = forward;
  const penalty = addPenalties(builder, options, trace);
  const seeds = new Map([[lossValue, loss.gradient]]);
  for (const [value, gradient] of penalty.gradients) {
    const other = seeds.get(value);
    seeds.set(value, other === undefined ? gradient : builder.add("Add", [other, gradient]));
  }
  const gradients = addGradients(builder, trace, seeds, parameters);
  const scalars = addScalars(builder, config.optimizer);
  const divergence = addDivergences(builder, options.noise, gradients);
  const whole = divergence?.gradients ?? gradients;
  const updateDue = config.accumulateBatches > 1 ? builder.freshName("update_due") : undefined;
  const updated = addUpdates(builder, options, whole, scalars, graph, updateDue);
  const state = [...updated.state, ...addStates(builder, trace, graph)];
  const observation = addObservation(builder, observedParts(trace, options, updated));
  const draws = builder.nodes.some((node) => node.input.includes(step));
  const landmarks = landmarksOf(builder.nodes, {
    trace,
    loss: { value: loss.loss, of: lossValue },
    gradients: whole,
    state,
  });
  const parts: StepParts = {
    input,
    inputShape,
    target,
    targetShape,
    scalars,
    loss: loss.loss,
    ...(divergence === undefined ? {} : { divergence }),
    ...(penalty.value === undefined ? {} : { penalty: penalty.value }),
    ...(updateDue === undefined ? {} : { updateDue }),
    ...(draws ? { stepNumber: step } : {}),
    output,
    outputShape,
    state,
    ...(observation === undefined ? {} : { observation }),
    landmarks,
  };
  const inputs = [...forward.inputs, ...furtherInputs(parts)];
  builder.nodes.unshift(...wholeParameters(builder, state, graph));
  return { graph: builder.build("training step", inputs, outputsOf(parts), STEP_OPSET), ...parts };
}

/** What a step graph has besides its nodes. */
type StepParts = Omit<StepGraph, "graph">;

/** Without class weights, and with the loss's usual targets. */
function usualSettings(config: StepOptions["config"]): LossSettings {
  return unweightedSettings(config, LOSSES[config.loss].targetKind ?? "numbers");
}

/** The parameters that are fed in parts, as their layers read them; no copies. */
function wholeParameters(
  builder: GraphBuilder,
  state: readonly StateTensor[],
  graph: Graph,
): readonly Node[] {
  return state
    .filter(({ name, input }) => name !== input)
    .map(({ name, input }) => {
      const { dims } = graph.initializers.get(name) as Tensor;
      return makeNode("Reshape", [input, builder.ints(dims)], [name], { name: `whole ${name}` });
    });
}

/** All but the batch. */
function furtherInputs(parts: StepParts): readonly ValueInfo[] {
  const { scalars, divergence, updateDue, stepNumber, observation, state } = parts;
  return [
    ...[...scalars.values()].map((name) => makeValueInfo(name, DataType.FLOAT, [])),
    ...(divergence === undefined ? [] : [makeValueInfo(divergence.factor, DataType.FLOAT, [])]),
    ...(updateDue === undefined ? [] : [makeValueInfo(updateDue, DataType.FLOAT, [])]),
    ...(stepNumber === undefined ? [] : [makeValueInfo(stepNumber, DataType.UINT32, [])]),
    ...(observation === undefined ? [] : [makeValueInfo(observation.due, DataType.BOOL, [])]),
    ...state.map(({ input, dims }) => makeValueInfo(input, DataType.FLOAT, dims)),
  ];
}

function outputsOf(parts: StepParts): readonly ValueInfo[] {
  const { loss, divergence, penalty, output, outputShape, state, observation } = parts;
  return uniqueOutputs([
    makeValueInfo(loss, DataType.FLOAT, []),
    ...(divergence === undefined ? [] : [makeValueInfo(divergence.value, DataType.FLOAT, [])]),
    ...(penalty === undefined ? [] : [makeValueInfo(penalty, DataType.FLOAT, [])]),
    makeValueInfo(output, DataType.FLOAT, outputShape),
    ...state.map(({ next, dims }) => makeValueInfo(next, DataType.FLOAT, dims)),
    ...(observation === undefined
      ? []
      : [makeValueInfo(observation.output, DataType.FLOAT, [observation.count])]),
  ]);
}

/** What L1 and L2 add to the loss, where they add anything, and to the gradients of the weights. */
function addPenalties(builder: GraphBuilder, options: StepOptions, trace: ForwardTrace) {
  const { config, penalized, penalties = new Map<string, WeightPenalty>() } = options;
  const values = [...new Set([...penalized, ...penalties.keys()])].map((name) => {
    const own = penalties.get(name) ?? { l1: 0, l2: 0 };
    const asked = penalized.has(name) ? config : { l1: 0, l2: 0 };
    const strength = { l1: own.l1 + asked.l1, l2: own.l2 + asked.l2 };
    const value = trace.value(name);
    return { name, value, strength, rank: staticShape(trace, name).length };
  });
  const gradients = values.flatMap(({ name, value, strength }) => {
    const gradient = addPenaltyGradient(builder, strength, value);
    return gradient === undefined ? [] : [[name, gradient] as const];
  });
  return { gradients, value: addPenalty(builder, values) };
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

/** Samples of the watched values; the gradients and updates where details are told as well. */
function observedParts(
  trace: ForwardTrace,
  { graph, watched, weights }: StepOptions,
  { gradients, state }: Updates,
): ObservedParts {
  const values = watched.map((name) => ({
    name,
    value: trace.value(name),
    shape: staticShape(trace, name),
    deadWhen: deadWhen(graph, name),
  }));
  if (weights === undefined) return { values, gradients: [], updates: new Map() };
  const dimsOf = (parameter: string) => (graph.initializers.get(parameter) as Tensor).dims;
  const states = new Map(state.map((tensor) => [tensor.name, tensor]));
  return {
    values,
    gradients: [...gradients].map(([parameter, gradient]) => {
      return { parameter, gradient, rank: dimsOf(parameter).length };
    }),
    updates: new Map(
      namedParameters(weights).map((name) => {
        const { input, next } = states.get(name) as StateTensor;
        return [name, { before: input, after: next, dims: dimsOf(name) }];
      }),
    ),
  };
}

function addStates(
  builder: GraphBuilder,
  trace: ForwardTrace,
  graph: Graph,
): readonly StateTensor[] {
  return trace.stateUpdates.map(({ parameter, next }) => ({
    name: parameter,
    input: parameter,
    // A graph output must come from a node, also where nothing changes.
    next: next === parameter ? builder.add("Identity", [next]) : next,
    dims: (graph.initializers.get(parameter) as Tensor).dims,
    kind: "state",
  }));
}

function uniqueOutputs(outputs: readonly ValueInfo[]): readonly ValueInfo[] {
  return [...new Map(outputs.map((output) => [output.name, output])).values()];
}
