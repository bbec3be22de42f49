import type { Dataset, NumberTargets } from "../../data/dataset.ts";
import { InputError } from "../../graph/input-error.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { ModelOutput } from "./loss.ts";

/** Targets that are numbers, as many for a sample as the model puts out. */
export function numberTargets(dataset: Dataset, output: ModelOutput, loss: string): NumberTargets {
  const { targets, name } = dataset;
  if (targets?.kind !== "numbers") {
    throw new InputError(`data ${name}: its targets are classes; ${loss} needs numbers`);
  }
  const perSample = elementCount(targets.shape);
  const expected = elementCount(output.shape.slice(1));
  if (perSample !== expected) {
    throw new InputError(
      `data ${name}: a target has ${perSample} numbers, but output ${output.name} has ${expected} a sample`,
    );
  }
  return targets;
}

/** How far the numbers of one class's probabilities may add up from 1: what float32 files hold. */
const SUM_TOLERANCE = 1e-3;

/** Targets that are a probability for each class. */
export function distributionTargets(
  dataset: Dataset,
  output: ModelOutput,
  loss: string,
): NumberTargets {
  const targets = numberTargets(dataset, output, loss);
  const classes = elementCount(targets.shape);
  for (let start = 0; start < targets.values.length; start += classes) {
    const row = targets.values.subarray(start, start + classes);
    const sum = row.reduce((total, value) => total + value, 0);
    if (row.every((value) => value >= 0) && Math.abs(sum - 1) <= SUM_TOLERANCE) continue;
    throw new InputError(
      `data ${dataset.name}: the target of sample ${start / classes} is no distribution (sum ${sum}); ${loss} needs probabilities that add up to 1`,
    );
  }
  return targets;
}

/**
 * @throws InputError where the output has no number for each class: [batch, classes], or with
 *   further dimensions of size 1.
 */
export function requireClasses({ name, shape }: ModelOutput, loss: string): void {
  const perClass = shape.length >= 2 && elementCount(shape.slice(2)) === 1;
  if (!perClass || Number(shape[1]) < 2) {
    throw new InputError(
      `output ${name}: has shape [${shape.join(", ")}]; ${loss} needs one number for each of at least two classes`,
    );
  }
}
