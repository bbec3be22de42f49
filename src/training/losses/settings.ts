import type { ClassTargets, Dataset, TargetKind } from "../../data/dataset.ts";
import { InputError } from "../../graph/input-error.ts";
import type { TrainingConfig } from "../../protocol/training.ts";
import type { LossSettings } from "./loss.ts";

type LossConfig = Pick<TrainingConfig, "loss" | "lossOptions">;

/**
 * A run's loss options with the class weights in numbers.
 *
 * @param source the data before the loss reads it.
 * @param targets what they are as the loss reads them.
 * @param train rows of the training part, of which "balanced" counts the classes.
 * @param classes how many the model tells apart.
 */
export function lossSettings(
  { lossOptions }: LossConfig,
  source: Dataset,
  targets: TargetKind,
  train: Int32Array,
  classes: number,
): LossSettings {
  const { labelSmoothing, huberDelta, classWeights } = lossOptions;
  const settings = { targets, labelSmoothing, delta: huberDelta };
  if (classWeights === "none") return settings;
  if (classWeights !== "balanced") {
    if (classWeights.length !== classes) {
      throw new InputError(
        `lossOptions.classWeights: has ${classWeights.length} numbers, but the model has ${classes} classes`,
      );
    }
    return { ...settings, classWeights };
  }
  if (source.targets?.kind !== "classes") {
    throw new InputError(
      'lossOptions.classWeights: "balanced" counts labels, but the targets are probabilities',
    );
  }
  return { ...settings, classWeights: balancedWeights(source.targets, train, classes) };
}

/** The options of a loss of whole-number labels, or of numbers, without class weights. */
export function unweightedSettings({ lossOptions }: LossConfig, targets: TargetKind): LossSettings {
  const { labelSmoothing, huberDelta } = lossOptions;
  return { targets, labelSmoothing, delta: huberDelta };
}

/**
 * Each class as heavy as every other: n/(K·nₖ) of the K classes that occur (scikit-learn's
 * "balanced"). A class without a training sample counts 1.
 */
function balancedWeights(
  { labels }: ClassTargets,
  train: Int32Array,
  classes: number,
): readonly number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const row of train) {
    const label = labels[row] as number;
    counts[label] = (counts[label] ?? 0) + 1;
  }
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count === 0 ? 1 : train.length / (present * count)));
}
