import { detailNumbers } from "./detail-numbers.ts";
import type { StepGraph } from "./step-graph.ts";
import type { StepResult, StepWishes } from "./training-step.ts";

/**
 * What a step gave, told apart.
 *
 * @param numbers of an output of the step graph, by its name; asked for where it is wished alone.
 */
export function stepResult(
  { loss, divergence, penalty, output, samples, details }: StepGraph,
  wishes: StepWishes,
  numbers: (output: string) => Float32Array,
): StepResult {
  const scalar = (name: string) => numbers(name)[0] as number;
  const looksAtSamples = wishes.samples || wishes.details;
  const taken = new Map(
    looksAtSamples ? samples.map((sample) => [sample.name, numbers(sample.output)]) : [],
  );
  return {
    loss: scalar(loss),
    ...(divergence === undefined ? {} : { divergence: scalar(divergence.value) }),
    ...(penalty === undefined ? {} : { penalty: scalar(penalty) }),
    output: numbers(output),
    samples: wishes.samples ? taken : new Map(),
    ...(details === undefined || !wishes.details
      ? {}
      : { details: detailNumbers(details, numbers(details.output), taken) }),
  };
}
