import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { WeightConstraint } from "../graph/weight-rules.ts";
import type { OptimizerConfig, TrainingConfig } from "../protocol/training.ts";
import { GradientAccumulation } from "./gradient-accumulation.ts";
import { addClipping } from "./gradient-clipping.ts";
import { addProjection, type NormLimit } from "./max-norm.ts";
import { OPTIMIZERS } from "./optimizers/table.ts";
import { addInParts, partsOf } from "./update-in-parts.ts";
import { addConstraint } from "./weight-constraint.ts";

/** A tensor that a step takes as input and gives back changed. */
export interface StateTensor {
  readonly name: string;
  /** Input of the step graph. */
  readonly input: string;
  /** Output of the step graph. */
  readonly next: string;
  /** Of input and output. Those of a parameter that is updated in parts are the parts'. */
  readonly dims: readonly number[];
  /** A parameter, a running statistic, or a tensor the optimizer keeps. */
  readonly kind: "parameter" | "state" | "slot";
}

export interface UpdateOptions {
  readonly config: Pick<
    TrainingConfig,
    "optimizer" | "maxNorm" | "gradientClipping" | "accumulateBatches"
  >;
  readonly parameters: readonly string[];
  /** The parameters that a decoupled weight decay reaches; all when left out. */
  readonly decayed?: ReadonlySet<string>;
  /** Where the limit on the length of a unit's weights acts, by parameter. */
  readonly limits: ReadonlyMap<string, NormLimit>;
  /** What the layers themselves state, by parameter; none when left out. */
  readonly constraints?: ReadonlyMap<string, WeightConstraint>;
}

/** Names for the scalar inputs of the optimizer, by its own names. */
export function addScalars(
  builder: GraphBuilder,
  optimizer: OptimizerConfig,
): ReadonlyMap<string, string> {
  const names = Object.keys(OPTIMIZERS[optimizer.kind].scalars(optimizer, 0, 1));
  return new Map(names.map((name) => [name, builder.freshName(name)]));
}

export interface Updates {
  readonly state: readonly StateTensor[];
  /** What the step goes by before clipping, by parameter: the mean over the batches so far. */
  readonly gradients: ReadonlyMap<string, string>;
}

/**
 * The optimizer's step of each parameter, and what it keeps for it.
 *
 * @param due the input that says whether this batch completes an update; undefined where each does.
 */
export function addUpdates(
  builder: GraphBuilder,
  options: UpdateOptions,
  gradients: ReadonlyMap<string, string>,
  scalars: ReadonlyMap<string, string>,
  graph: Graph,
  due?: string,
): Updates {
  const { config } = options;
  const accumulation =
    due === undefined
      ? undefined
      : new GradientAccumulation(builder, config.accumulateBatches, due);
  const sums = accumulatedGradients(builder, accumulation, gradients, graph);
  const clipped = addClipping(
    builder,
    config.gradientClipping,
    sums.gradients,
    (parameter) => (graph.initializers.get(parameter) as Tensor).dims.length,
  );
  const updates = options.parameters.flatMap((parameter) =>
    addUpdate(builder, options, scalars, {
      parameter,
      dims: (graph.initializers.get(parameter) as Tensor).dims,
      gradient: clipped.get(parameter) as string,
      accumulation,
    }),
  );
  return { state: [...updates, ...sums.state], gradients: sums.gradients };
}

/** A parameter and what its update goes by. */
interface UpdatedBy {
  readonly parameter: string;
  readonly dims: readonly number[];
  /** Clipped. */
  readonly gradient: string;
  readonly accumulation: GradientAccumulation | undefined;
}

/** The step of one parameter, in parts where it is large and no number's step depends on others. */
function addUpdate(
  builder: GraphBuilder,
  options: UpdateOptions,
  scalars: ReadonlyMap<string, string>,
  by: UpdatedBy,
): StateTensor[] {
  const { config } = options;
  const { parameter, dims, gradient } = by;
  const optimizer = OPTIMIZERS[config.optimizer.kind];
  const slots = new Map(
    optimizer
      .slots(config.optimizer)
      .map((slot) => [slot, builder.freshName(`${parameter}.${slot}`)]),
  );
  const compute = (values: ReadonlyMap<string, string>) =>
    addStep(builder, options, scalars, by, values);
  const alone = optimizer.elementwise && !isHeld(options, parameter);
  const parts = alone && slots.size > 0 ? partsOf(dims) : undefined;
  if (parts === undefined) {
    const next = compute(new Map([[PARAMETER, parameter], [GRADIENT, gradient], ...slots]));
    return stateTensors(parameter, parameter, slots, next, dims);
  }
  const input = builder.freshName(`${parameter}_in_parts`);
  const gradientInParts = builder.add("Reshape", [gradient, builder.ints(parts)]);
  const values = new Map([[PARAMETER, input], [GRADIENT, gradientInParts], ...slots]);
  const next = addInParts(builder, parts, values, compute);
  return stateTensors(parameter, input, slots, next, parts);
}

/**
 * The optimizer's step, and what holds the parameter after it.
 *
 * @param values names by PARAMETER, GRADIENT and slot, of the whole tensors or of a part.
 * @returns the values after the step by PARAMETER and slot.
 */
function addStep(
  builder: GraphBuilder,
  options: UpdateOptions,
  scalars: ReadonlyMap<string, string>,
  { parameter, dims, accumulation }: UpdatedBy,
  values: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const { config, decayed } = options;
  const value = (key: string) => values.get(key) as string;
  const { parameter: updated, slots } = OPTIMIZERS[config.optimizer.kind].addUpdate({
    builder,
    config: config.optimizer,
    parameter: value(PARAMETER),
    rank: dims.length,
    gradient: value(GRADIENT),
    decayed: decayed?.has(parameter) ?? true,
    slot: value,
    scalar: (name) => scalars.get(name) as string,
  });
  const constraint = options.constraints?.get(parameter);
  const held =
    constraint === undefined ? updated : addConstraint(builder, constraint, updated, dims);
  const limit = limitOf(options, parameter);
  const next =
    limit === undefined ? held : addProjection(builder, limit, config.maxNorm.limit, held, dims);
  return new Map(
    [[PARAMETER, next] as const, ...Object.entries(slots)].map(([key, result]) => [
      key,
      accumulation?.atUpdate(result, value(key)) ?? result,
    ]),
  );
}

function limitOf({ config, limits }: UpdateOptions, parameter: string): NormLimit | undefined {
  return config.maxNorm.limit === 0 ? undefined : limits.get(parameter);
}

/** Whether the parameter is held after each step by a rule for several of its numbers. */
function isHeld(options: UpdateOptions, parameter: string): boolean {
  return (
    limitOf(options, parameter) !== undefined || options.constraints?.get(parameter) !== undefined
  );
}

/** Keys that no slot has. */
const PARAMETER = "the parameter";
const GRADIENT = "its gradient";

/** @param next the values after the step, by PARAMETER and slot. */
function stateTensors(
  parameter: string,
  input: string,
  slots: ReadonlyMap<string, string>,
  next: ReadonlyMap<string, string>,
  dims: readonly number[],
): StateTensor[] {
  const after = (key: string) => next.get(key) as string;
  return [
    { name: parameter, input, next: after(PARAMETER), dims, kind: "parameter" },
    ...[...slots].map(([slot, name]): StateTensor => {
      return { name, input: name, next: after(slot), dims, kind: "slot" };
    }),
  ];
}

/** The gradients to update by, and the sums that are kept from batch to batch. */
function accumulatedGradients(
  builder: GraphBuilder,
  accumulation: GradientAccumulation | undefined,
  gradients: ReadonlyMap<string, string>,
  graph: Graph,
): Updates {
  if (accumulation === undefined) return { gradients, state: [] };
  const sums = new Map<string, string>();
  const state = [...gradients].map(([parameter, gradient]): StateTensor => {
    const { dims } = graph.initializers.get(parameter) as Tensor;
    const name = builder.freshName(`${parameter}.accumulated`);
    const { sum, next } = accumulation.add(name, gradient);
    sums.set(parameter, sum);
    return { name, input: name, next, dims, kind: "slot" };
  });
  return { gradients: sums, state };
}
