import { detailNumbers, observedSamples } from "./detail-numbers.ts";
import type { StepGraph } from "./step-graph.ts";
import { isObserved, type StepResult, type StepWishes } from "./training-step.ts";

/**
 * What a step gave, told apart.
 *
 * @param numbers of an output of the step graph, by its name; asked for where it is wished alone.
 */
export function stepResult(
  { loss, divergence, penalty, output, observation }: StepGraph,
  wishes: StepWishes,
  numbers: (output: string) => Float32Array,
): StepResult {
  const scalar = (name: string) => numbers(name)[0] as number;
  const result = {
    loss: scalar(loss),
    ...(divergence === undefined ? {} : { divergence: scalar(divergence.value) }),
    ...(penalty === undefined ? {} : { penalty: scalar(penalty) }),
    output: numbers(output),
    samples: new Map<string, Float32Array>(),
  };
  if (observation === undefined || !isObserved(wishes)) return result;
  const observed = numbers(observation.output);
  const samples = observedSamples(observation, observed);
  return {
    ...result,
    ...(wishes.samples ? { samples } : {}),
    ...(wishes.details ? { details: detailNumbers(observation, observed, samples) } : {}),
  };
}
