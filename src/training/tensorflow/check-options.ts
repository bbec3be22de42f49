import { InputError } from "../../graph/input-error.ts";
import type { TrainingConfig } from "../../protocol/training.ts";

/** An option that engine "tensorflow" has not, and why. */
interface Refusal {
  readonly field: string;
  readonly reason: string;
  asked(config: TrainingConfig): boolean;
}

const REFUSALS: readonly Refusal[] = [
  {
    field: "passes",
    reason: "change the model as a graph, which TensorFlow does not train; apply them first",
    asked: ({ passes }) => passes.length > 0,
  },
  {
    field: "intoModel",
    reason: 'TensorFlow changes a file\'s weights alone; train with engine "onnxruntime"',
    asked: ({ intoModel }) => Object.values(intoModel).includes(true),
  },
  {
    field: "statistics.values",
    reason: "TensorFlow keeps the values inside its layers to itself; leave it out",
    asked: ({ statistics }) => statistics.values !== "auto" && statistics.values.length > 0,
  },
  {
    field: "variationalDropout.klWeight",
    reason: "no layers model has variational dropout; leave it out",
    asked: ({ variationalDropout }) => variationalDropout.klWeight !== 1,
  },
];

/** @throws InputError naming the first option that a run on TensorFlow would not follow. */
export function refuseOptions(config: TrainingConfig): void {
  const refused = REFUSALS.find(({ asked }) => asked(config));
  if (refused === undefined) return;
  throw new InputError(`${refused.field}: not with engine "tensorflow": ${refused.reason}`);
}
