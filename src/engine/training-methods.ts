import type { TrainingEvent } from "../protocol/training.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { endKilledRun } from "../training/end-killed-run.ts";
import { recipeFile } from "../training/recipe-memory.ts";
import { train } from "../training/train.ts";
import type { Documents } from "./documents.ts";
import type { Methods } from "./method-types.ts";
import { PauseSwitch } from "./pause-switch.ts";
import { preparedModel, prepares } from "./prepared-model.ts";
import { resumeTraining } from "./resume-training.ts";
import { tensorFlowFolder } from "./tensorflow/folder.ts";
import { installTensorFlow } from "./tensorflow/install.ts";
import { isForTensorFlow, trainInTensorFlowProcess } from "./tensorflow/relay.ts";

type TrainingMethod = "train" | "pauseTraining" | "installTensorFlow" | "endKilledRun";

/** The requests about training runs. */
export function trainingMethods(documents: Documents): Pick<Methods, TrainingMethod> {
  const pause = new PauseSwitch();
  return {
    train: async (params, context) => {
      if (await isForTensorFlow(params)) return trainInTensorFlowProcess(params, context, pause);
      const { graph } = await documents.get(params, context);
      const { signal, trainingEvent: onEvent } = context;
      const running = { signal, onEvent, isPaused: () => pause.wait(signal) };
      if (params.resume !== undefined) {
        return resumeTraining(params.resume, { ...running, graph: async () => graph }, context);
      }
      return train({
        ...running,
        ...(await preparedModel(graph, params.config, context)),
        modelName: params.path,
        config: params.config,
        runsFolder: params.runs,
        runtime: await loadRuntime(),
        recipeFile: recipeFile(),
        ...(params.output === undefined ? {} : { output: params.output }),
      });
    },
    pauseTraining: async (params) => {
      pause.set(params.paused);
      return null;
    },
    installTensorFlow: async (_params, context) => installTensorFlow(tensorFlowFolder(), context),
    endKilledRun: async ({ run, process }, context) => {
      const events: TrainingEvent[] = [];
      const onEvent = (event: TrainingEvent) => events.push(event);
      const bestModel = await endKilledRun({
        folder: run,
        process,
        prepared: prepares(context),
        onEvent,
      });
      return { run, events, ...(bestModel === undefined ? {} : { bestModel }) };
    },
  };
}
