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
  const { config, limits, decayed } = options;
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
  const atUpdate = (updated: string, old: string) =>
    accumulation === undefined ? updated : accumulation.atUpdate(updated, old);
  const optimizer = OPTIMIZERS[config.optimizer.kind];
  const updates = options.parameters.flatMap((parameter): StateTensor[] => {
    const { dims } = graph.initializers.get(parameter) as Tensor;
    const slots = new Map(
      optimizer
        .slots(config.optimizer)
        .map((slot) => [slot, builder.freshName(`${parameter}.${slot}`)]),
    );
    const limit = config.maxNorm.limit === 0 ? undefined : limits.get(parameter);
    const constraint = options.constraints?.get(parameter);
    /** @param values names by PARAMETER, GRADIENT and slot. */
    const addUpdate = (values: ReadonlyMap<string, string>) => {
      const value = (key: string) => values.get(key) as string;
      const updated = optimizer.addUpdate({
        builder,
        config: config.optimizer,
        parameter: value(PARAMETER),
        rank: dims.length,
        gradient: value(GRADIENT),
        decayed: decayed?.has(parameter) ?? true,
        slot: value,
        scalar: (name) => scalars.get(name) as string,
      });
      const held =
        constraint === undefined
          ? updated.parameter
          : addConstraint(builder, constraint, updated.parameter, dims);
      const next =
        limit === undefined
          ? held
          : addProjection(builder, limit, config.maxNorm.limit, held, dims);
      const kept = [...slots.keys()].map(
        (slot) => [slot, atUpdate(updated.slots[slot] as string, value(slot))] as const,
      );
      return new Map([[PARAMETER, atUpdate(next, value(PARAMETER))], ...kept]);
    };
    const gradient = clipped.get(parameter) as string;
    const elementwise = optimizer.elementwise && limit === undefined && constraint === undefined;
    const parts = elementwise && slots.size > 0 ? partsOf(dims) : undefined;
    if (parts === undefined) {
      const next = addUpdate(new Map([[PARAMETER, parameter], [GRADIENT, gradient], ...slots]));
      return stateTensors(parameter, parameter, slots, next, dims);
    }
    const input = builder.freshName(`${parameter}_in_parts`);
    const gradientInParts = builder.add("Reshape", [gradient, builder.ints(parts)]);
    const values = new Map([[PARAMETER, input], [GRADIENT, gradientInParts], ...slots]);
    const next = addInParts(builder, parts, values, addUpdate);
    return stateTensors(parameter, input, slots, next, parts);
  });
  return { state: [...updates, ...sums.state], gradients: sums.gradients };
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
