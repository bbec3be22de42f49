import type {
  BadValue,
  EarlyStoppingConfig,
  StopReason,
  TrainingEvent,
} from "../protocol/training.ts";
import type { EarlyStoppingState } from "./early-stopping.ts";
import type { RetrainPlan } from "./retrain.ts";

const MONITORS = { validationLoss: "validation loss", validationAccuracy: "validation accuracy" };

type Divergence = Extract<TrainingEvent, { event: "stop" }>["divergence"];

type PlannedAgain = Pick<RetrainPlan, "steps" | "bestEpoch" | "sentence">;

/** The plain sentence that says why training ended and which weights the model has now. */
export function stopSentence(
  reason: StopReason,
  epochs: number,
  state: EarlyStoppingState,
  config: EarlyStoppingConfig,
  divergence?: Divergence,
): string {
  return `${why(reason, epochs, state, config, divergence)} ${weights(reason, state, config)}`;
}

/** Why training ended. */
export function why(
  reason: StopReason,
  epochs: number,
  state: EarlyStoppingState,
  config: EarlyStoppingConfig,
  divergence?: Divergence,
): string {
  const monitor = MONITORS[config.monitor];
  switch (reason) {
    case "earlyStopping": {
      const reference = Number(state.reference.toPrecision(3));
      return `Stopped early at epoch ${epochs}: no improvement over ${reference} (${monitor}) for ${counted(state.wait)}.`;
    }
    case "maxEpochs":
      return `Stopped after ${counted(epochs)}, the most that were asked for.`;
    case "stoppingThreshold":
      return `Stopped at epoch ${epochs}: the ${monitor} reached ${config.stoppingThreshold}.`;
    case "diverged":
      if (divergence !== undefined) {
        return `Stopped in epoch ${epochs}: training diverged at step ${divergence.step}. ${firstBad(divergence.first)}`;
      }
      return `Stopped in epoch ${epochs}: training diverged (the loss is not finite, or past the divergence threshold).`;
    case "cancelled":
      return `Cancelled after ${counted(epochs)}.`;
  }
}

/** The same for a run that trained again. @param steps it has done of those planned. */
export function retrainSentence(
  reason: StopReason,
  steps: number,
  plan: PlannedAgain,
  divergence: Divergence,
): string {
  const { bestEpoch, sentence } = plan;
  const kept = `The best weights of the first training (epoch ${bestEpoch}) are kept.`;
  if (reason === "cancelled") {
    return `Cancelled after ${steps} of ${plan.steps} steps of training again. ${kept}`;
  }
  if (reason === "diverged") {
    return `Training again diverged at step ${divergence?.step ?? steps}. ${firstBad(divergence?.first)} ${kept}`;
  }
  return `${sentence} Trained again from the start, on the validation samples too, for the ${plan.steps} steps of the best epoch (${bestEpoch}).`;
}

/**
 * Why a run ended that had to be killed when it was cancelled, and which weights its model has.
 *
 * @param again where the run was training again: the plan, and how many steps it had told.
 */
export function killedSentence(
  told: { readonly epochs: number; readonly bestEpoch: number; readonly hasModel: boolean },
  config: EarlyStoppingConfig,
  again: { readonly plan: PlannedAgain; readonly steps: number } | undefined,
): string {
  if (again !== undefined) return retrainSentence("cancelled", again.steps, again.plan, undefined);
  const { epochs, bestEpoch, hasModel } = told;
  const reason = `Cancelled after ${counted(epochs)}.`;
  if (!hasModel) return `${reason} No step was done; there is no model to keep.`;
  if (bestEpoch === 0) return `${reason} No epoch was validated; weights of a late step are kept.`;
  return config.restoreBest
    ? `${reason} Best weights (epoch ${bestEpoch}) restored.`
    : `${reason} The best weights (epoch ${bestEpoch}) are kept, not the last ones: the last step could not be waited for.`;
}

function firstBad(first: BadValue | undefined): string {
  if (first === undefined) return "The loss is NaN or infinite.";
  const names: Readonly<Record<BadValue["kind"], string>> = {
    value: first.name,
    loss: `the loss of ${first.name}`,
    gradient: `the gradient for ${first.name}`,
    update: `${first.name} after the step`,
  };
  return `The first value that was NaN or infinite: ${names[first.kind]}.`;
}

function counted(epochs: number): string {
  return `${epochs} ${epochs === 1 ? "epoch" : "epochs"}`;
}

function weights(
  reason: StopReason,
  state: EarlyStoppingState,
  config: EarlyStoppingConfig,
): string {
  if (state.bestEpoch === 0) {
    return reason === "diverged"
      ? "The weights are those it started with."
      : "No epoch was validated; the last weights are kept.";
  }
  return config.restoreBest || reason === "diverged"
    ? `Best weights (epoch ${state.bestEpoch}) restored.`
    : `The last weights are kept; the best were those of epoch ${state.bestEpoch}.`;
}
