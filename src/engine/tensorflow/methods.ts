import { InputError } from "../../graph/input-error.ts";
import type { EngineMethods, RuntimeReport } from "../../protocol/engine.ts";
import { findTensorFlow, loadTensorFlow, type TensorFlow } from "../../runtime/tensorflow.ts";
import { readResumableRun } from "../../training/resumable-run.ts";
import { trainOnTensorFlow } from "../../training/tensorflow/train.ts";
import type { RequestContext } from "../context.ts";
import { PauseSwitch } from "../pause-switch.ts";
import { tensorFlowFolder } from "./folder.ts";

/** The requests that the TensorFlow process answers, as the engine process would. */
export type TensorFlowMethod = "runtime" | "train" | "pauseTraining";

type Methods = {
  readonly [M in TensorFlowMethod]: (
    params: Parameters<EngineMethods[M]>[0],
    context: RequestContext,
  ) => Promise<ReturnType<EngineMethods[M]>>;
};

export function tensorFlowMethods(): Methods {
  const pause = new PauseSwitch();
  return {
    runtime: async (): Promise<RuntimeReport> => {
      const { folder, version } = loaded();
      return { name: "tensorflow", version, reason: `Loaded from ${folder}.` };
    },
    train: async (params, { signal, trainingEvent: onEvent }) => {
      const resume =
        params.resume === undefined ? undefined : await readResumableRun(params.resume);
      const output = resume === undefined ? params.output : resume.start.output;
      return trainOnTensorFlow({
        tensorFlow: loaded(),
        modelPath: params.path,
        config: resume?.config ?? params.config,
        runsFolder: params.runs,
        ...(resume === undefined ? {} : { resume }),
        ...(output === undefined ? {} : { output }),
        signal,
        isPaused: () => pause.wait(signal),
        onEvent,
      });
    },
    pauseTraining: async ({ paused }) => {
      pause.set(paused);
      return null;
    },
  };
}

/** @throws InputError where it is not installed or its native library does not load. */
function loaded(): TensorFlow & { readonly folder: string } {
  const folder = findTensorFlow(tensorFlowFolder());
  if (folder === undefined) {
    throw new InputError(
      'engine: TensorFlow is not installed; "NormLens: Install TensorFlow Engine" in VS Code or "normlens install-tensorflow" installs it',
    );
  }
  try {
    return { ...loadTensorFlow(folder), folder };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw new InputError(`engine: TensorFlow in ${folder} does not load: ${reason}`);
  }
}
