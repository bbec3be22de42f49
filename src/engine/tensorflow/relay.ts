import { InputError } from "../../graph/input-error.ts";
import type { TrainRequest, TrainResult } from "../../protocol/engine.ts";
import { endKilledRun } from "../../training/end-killed-run.ts";
import { readResumableRun } from "../../training/resumable-run.ts";
import { requireLayersModel } from "../../training/tensorflow/layers-endings.ts";
import { Cancelled, type RequestContext } from "../context.ts";
import type { PauseSwitch } from "../pause-switch.ts";
import { prepares } from "../prepared-model.ts";
import { TensorFlowEnded, TensorFlowProcess } from "./process.ts";

/** Whether a run is one of engine "tensorflow": a new one by its options, an old one by its own. */
export async function isForTensorFlow(
  request: Pick<TrainRequest, "config" | "resume">,
): Promise<boolean> {
  const { config, resume } = request;
  const { engine } = resume === undefined ? config : (await readResumableRun(resume)).config;
  return engine === "tensorflow";
}

/** A process that has not answered Cancel after so many milliseconds is inside a long step. */
const PATIENCE = 80;

/**
 * Has a process of its own train with TensorFlow, and passes on what that tells. Where it does not
 * hear of Cancel it is killed, and the run is ended from what is on the disk.
 *
 * @param pause forwards pausing; the command line has none.
 */
export async function trainInTensorFlowProcess(
  request: TrainRequest,
  context: RequestContext,
  pause?: PauseSwitch,
): Promise<TrainResult> {
  const { signal, trainingEvent } = context;
  if (request.edits.length > 0) {
    throw new InputError(
      "engine: TensorFlow trains the file as it is on the disk; save the changes first",
    );
  }
  requireLayersModel(request.path);
  const child = new TensorFlowProcess(threadVariables(request.config.threads));
  let [run, stopped]: [string | undefined, boolean] = [undefined, false];
  child.onTrainingEvent((event) => {
    if (event.event === "start") run = event.run;
    if (event.event === "stop") stopped = true;
    trainingEvent(event);
  });
  const forget = pause?.follow((paused) => void child.request("pauseTraining", { paused }));
  try {
    const training = child.request("train", request, signal);
    const unheard = notHeard(signal, () => stopped);
    const result = await Promise.race([training, unheard]);
    if (result !== undefined) return result;
    // It is killed below, and whatever it would still say does not matter.
    training.catch(() => undefined);
  } catch (error) {
    if (!(error instanceof TensorFlowEnded) || run === undefined) throw error;
    throw new InputError(
      `${error.message}; the run goes on from its last checkpoint when it is resumed`,
      run,
    );
  } finally {
    forget?.();
    child.stop();
  }
  if (run === undefined) throw new Cancelled();
  const bestModel = await endKilledRun({
    folder: run,
    process: child.processId,
    prepared: prepares(context),
    onEvent: trainingEvent,
  });
  if (bestModel === undefined) throw new Cancelled();
  return { run, bestModel };
}

/** Resolves a while after Cancel where the process has not said stop by then; never otherwise. */
function notHeard(signal: AbortSignal, stopped: () => boolean): Promise<undefined> {
  return new Promise((resolve) => {
    const cancelled = () =>
      setTimeout(() => {
        if (!stopped()) resolve(undefined);
      }, PATIENCE);
    if (signal.aborted) cancelled();
    else signal.addEventListener("abort", cancelled, { once: true });
  });
}

/** TensorFlow takes its number of threads from the environment it starts in. */
function threadVariables(threads: number): Readonly<Record<string, string>> {
  if (threads === 0) return {};
  return { TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: "1" };
}
