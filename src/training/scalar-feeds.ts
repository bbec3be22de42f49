import type { OptimizerConfig, TrainingConfig } from "../protocol/training.ts";
import type { RuntimeTensor } from "../runtime/runtime.ts";
import { OPTIMIZERS } from "./optimizers/table.ts";
import type { StepGraph } from "./step-graph.ts";

/** What differs from step to step besides the batch. */
export interface StepScalars {
  /** Steps of the run up to this one, from 1. */
  readonly number: number;
  readonly learningRate: number;
  /** What variational dropout's divergence counts in the loss. */
  readonly divergenceFactor: number;
  /** Whether the step is looked at. */
  readonly observed: boolean;
}

/**
 * The step graph's scalar inputs.
 *
 * @param dims [] for one step; [steps] where those of several are stacked.
 */
export function scalarFeeds(
  step: Pick<StepGraph, "scalars" | "divergence" | "updateDue" | "stepNumber" | "observation">,
  config: { readonly optimizer: OptimizerConfig } & Pick<TrainingConfig, "accumulateBatches">,
  steps: readonly StepScalars[],
  dims: readonly number[],
): Record<string, RuntimeTensor> {
  const { optimizer, accumulateBatches } = config;
  const feeds: Record<string, RuntimeTensor> = {};
  const feed = (name: string, values: readonly number[]) => {
    feeds[name] = { type: "float32", dims, data: Float32Array.from(values) };
  };
  const scalars = steps.map(({ number, learningRate }) =>
    OPTIMIZERS[optimizer.kind].scalars(
      optimizer,
      learningRate,
      Math.ceil(number / accumulateBatches),
    ),
  );
  for (const [name, input] of step.scalars) {
    feed(
      input,
      scalars.map((each) => each[name] as number),
    );
  }
  if (step.divergence !== undefined) {
    feed(
      step.divergence.factor,
      steps.map(({ divergenceFactor }) => divergenceFactor),
    );
  }
  if (step.updateDue !== undefined) {
    feed(
      step.updateDue,
      steps.map(({ number }) => (number % accumulateBatches === 0 ? 1 : 0)),
    );
  }
  if (step.stepNumber !== undefined) {
    const data = Uint32Array.from(steps, ({ number }) => number);
    feeds[step.stepNumber] = { type: "uint32", dims, data };
  }
  if (step.observation !== undefined) {
    const data = Uint8Array.from(steps, ({ observed }) => (observed ? 1 : 0));
    feeds[step.observation.due] = { type: "bool", dims, data };
  }
  return feeds;
}
