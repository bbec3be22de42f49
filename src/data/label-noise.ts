import { InputError } from "../graph/input-error.ts";
import type { Dataset, Targets } from "./dataset.ts";
import type { Random } from "./random.ts";

/**
 * The data with a share of the given rows' labels replaced: each is picked with this probability and
 * gets a class drawn from all classes alike, its own included (L. Xie et al., "DisturbLabel:
 * Regularizing CNN on the Loss Layer", 2016). Targets that are 0 or 1 get one of the two.
 *
 * @param share 0 … 1.
 */
export function withLabelNoise(
  dataset: Dataset,
  rows: Int32Array,
  share: number,
  random: Random,
): Dataset {
  if (share === 0) return dataset;
  const targets = requireLabels(dataset);
  if (targets.kind === "classes") {
    const labels = targets.labels.slice();
    for (const row of rows) {
      if (random.uniform() < share) labels[row] = random.below(targets.classNames.length);
    }
    return { ...dataset, targets: { ...targets, labels } };
  }
  const values = targets.values.slice();
  const width = values.length / dataset.count;
  for (const row of rows) {
    for (let index = row * width; index < (row + 1) * width; index++) {
      if (random.uniform() < share) values[index] = random.below(2);
    }
  }
  return { ...dataset, targets: { ...targets, values } };
}

/** @throws InputError where the targets are no labels. */
export function requireLabels({ targets, name }: Dataset): Targets {
  const labels =
    targets?.kind === "classes" || targets?.values.every((value) => value === 0 || value === 1);
  if (targets === undefined || labels !== true) {
    throw new InputError(
      `labelNoise: replaces labels, but the targets of data ${name} are numbers`,
    );
  }
  return targets;
}
