import { otherFiles, readModel, saveModel } from "../formats/registry.ts";
import type {
  EngineMethod,
  EngineParams,
  EngineResult,
  RuntimeReport,
} from "../protocol/engine.ts";
import type { TrainingEvent } from "../protocol/training.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { endKilledRun } from "../training/end-killed-run.ts";
import { modelStatistics } from "../training/model-statistics.ts";
import { recipeFile } from "../training/recipe-memory.ts";
import { train } from "../training/train.ts";
import { analyze } from "./analyze.ts";
import { applyPass } from "./apply-pass.ts";
import { compareModels } from "./certificate/compare-models.ts";
import { type RequestContext, savingIn } from "./context.ts";
import { convertModel } from "./convert.ts";
import { documentView } from "./document-view.ts";
import { Documents } from "./documents.ts";
import { modelTextMethods } from "./model-text/methods.ts";
import { nodeDetail } from "./node-detail.ts";
import { PauseSwitch } from "./pause-switch.ts";
import { preparedModel } from "./prepared-model.ts";
import { resumeTraining } from "./resume-training.ts";
import { passSites, sitesAt } from "./technique-sites.ts";
import { techniques } from "./techniques.ts";
import { tensorFlowFolder } from "./tensorflow/folder.ts";
import { installTensorFlow } from "./tensorflow/install.ts";
import { isForTensorFlow, trainInTensorFlowProcess } from "./tensorflow/relay.ts";
import { textView } from "./text-view.ts";

type Methods = {
  readonly [M in EngineMethod]: (
    params: EngineParams<M>,
    context: RequestContext,
  ) => Promise<EngineResult<M>>;
};

/** The engine's requests. One table, so that a method without an answer does not compile. */
export function engineMethods(): Methods {
  const documents = new Documents();
  const pause = new PauseSwitch();
  return {
    runtime: () => runtimeReport(),
    open: async (params, context) =>
      documentView(params.path, await documents.get(params, context), await runtimeReport()),
    nodeDetail: async (params, context) =>
      nodeDetail((await documents.get(params, context)).graph, params.node),
    preview: async (params, context) => {
      const { graph } = await documents.get(params, context);
      return (await applyPass(graph, params, context)).report;
    },
    techniques: async () => techniques(),
    sites: async (params, context) => {
      const { graph } = await documents.get(params, context);
      return passSites(graph, params.pass, params.options);
    },
    sitesAt: async (params, context) => ({
      sites: sitesAt((await documents.get(params, context)).graph, params.node),
    }),
    analyze: async (params, context) => {
      const { graph } = await documents.get(params, context);
      return analyze(graph, params, context);
    },
    text: async (params, context) =>
      textView(params.path, (await documents.get(params, context)).graph),
    save: async (params, context) => {
      const { graph } = await documents.get(params, context);
      return { bytes: await saveModel(graph, params.target, savingIn(context)) };
    },
    otherFiles: async ({ path }) => ({ files: await otherFiles(path) }),
    ...modelTextMethods(),
    convert: async (params, context) => {
      const { graph } = await documents.get(params, context);
      return convertModel(graph, params, context);
    },
    close: async (params) => {
      documents.forget(params.path);
      return null;
    },
    verify: async (params, context) =>
      compareModels({
        a: await readModel(params.a),
        b: await readModel(params.b),
        runtime: await loadRuntime(),
        signal: context.signal,
        onProgress: context.progress,
        ...(params.data === undefined ? {} : { data: params.data }),
      }),
    statistics: async (params, context) => {
      const { graph } = await documents.get(params, context);
      const values = await modelStatistics({
        graph,
        data: params.data,
        runtime: await loadRuntime(),
        signal: context.signal,
        ...(params.nodes === undefined ? {} : { nodes: params.nodes }),
      });
      return { values };
    },
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
    endKilledRun: async ({ run, process }) => {
      const events: TrainingEvent[] = [];
      const onEvent = (event: TrainingEvent) => events.push(event);
      const bestModel = await endKilledRun({ folder: run, process, onEvent });
      return { run, events, ...(bestModel === undefined ? {} : { bestModel }) };
    },
  };
}

async function runtimeReport(): Promise<RuntimeReport> {
  const { name, version, reason } = await loadRuntime();
  return { name, version, reason };
}
