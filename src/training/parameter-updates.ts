import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { WeightConstraint } from "../graph/weight-rules.ts";
import type { OptimizerConfig, TrainingConfig } from "../protocol/training.ts";
import { GradientAccumulation } from "./gradient-accumulation.ts";
import { addClipping } from "./gradient-clipping.ts";
import { addProjection, type NormLimit } from "./max-norm.ts";
import { OPTIMIZERS } from "./optimizers/table.ts";
import { addConstraint } from "./weight-constraint.ts";

/** A tensor that a step takes as input and gives back changed. */
export interface StateTensor {
  /** Input of the step graph. */
  readonly name: string;
  /** Output of the step graph. */
  readonly next: string;
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
    const updated = optimizer.addUpdate({
      builder,
      config: config.optimizer,
      parameter,
      rank: dims.length,
      gradient: clipped.get(parameter) as string,
      decayed: decayed?.has(parameter) ?? true,
      slot: (name) => slots.get(name) as string,
      scalar: (name) => scalars.get(name) as string,
    });
    const limit = config.maxNorm.limit === 0 ? undefined : limits.get(parameter);
    const constraint = options.constraints?.get(parameter);
    const held =
      constraint === undefined
        ? updated.parameter
        : addConstraint(builder, constraint, updated.parameter, dims);
    const next =
      limit === undefined ? held : addProjection(builder, limit, config.maxNorm.limit, held, dims);
    return [
      { name: parameter, next: atUpdate(next, parameter), dims, kind: "parameter" },
      ...[...slots].map(([slot, name]): StateTensor => {
        return { name, next: atUpdate(updated.slots[slot] as string, name), dims, kind: "slot" };
      }),
    ];
  });
  return { state: [...updates, ...sums.state], gradients: sums.gradients };
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
    return { name, next, dims, kind: "slot" };
  });
  return { gradients: sums, state };
}
