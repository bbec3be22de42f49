import { InputError } from "../../graph/input-error.ts";
import type { TrainRequest, TrainResult } from "../../protocol/engine.ts";
import { readResumableRun } from "../../training/resumable-run.ts";
import type { RequestContext } from "../context.ts";
import type { PauseSwitch } from "../pause-switch.ts";
import { TensorFlowProcess } from "./process.ts";

/** Whether a run is one of engine "tensorflow": a new one by its options, an old one by its own. */
export async function isForTensorFlow(
  request: Pick<TrainRequest, "config" | "resume">,
): Promise<boolean> {
  const { config, resume } = request;
  const { engine } = resume === undefined ? config : (await readResumableRun(resume)).config;
  return engine === "tensorflow";
}

/**
 * Has a process of its own train with TensorFlow, and passes on what that tells.
 *
 * @param pause forwards pausing; the command line has none.
 */
export async function trainInTensorFlowProcess(
  request: TrainRequest,
  { signal, trainingEvent }: Pick<RequestContext, "signal" | "trainingEvent">,
  pause?: PauseSwitch,
): Promise<TrainResult> {
  if (request.edits.length > 0) {
    throw new InputError(
      "engine: TensorFlow trains the file as it is on the disk; save the changes first",
    );
  }
  const child = new TensorFlowProcess(threadVariables(request.config.threads));
  child.onTrainingEvent(trainingEvent);
  const forget = pause?.follow((paused) => void child.request("pauseTraining", { paused }));
  try {
    return await child.request("train", request, signal);
  } finally {
    forget?.();
    child.stop();
  }
}

/** TensorFlow takes its number of threads from the environment it starts in. */
function threadVariables(threads: number): Readonly<Record<string, string>> {
  if (threads === 0) return {};
  return { TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: "1" };
}
