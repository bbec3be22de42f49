import type { PassReport } from "./reports.ts";
import type { TrainingEvent } from "./training.ts";

/** What a stand-alone report shows: a training run, and the change that came before or after it. */
export interface RunReport {
  readonly title: string;
  /** File name of the model. */
  readonly model: string;
  readonly passes: readonly PassReport[];
  readonly events: readonly TrainingEvent[];
}
