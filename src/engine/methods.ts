import { otherFiles, readModel, saveModel } from "../formats/registry.ts";
import type { RuntimeReport } from "../protocol/engine.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { modelStatistics } from "../training/model-statistics.ts";
import { analyze } from "./analyze.ts";
import { applyPass } from "./apply-pass.ts";
import { compareModels } from "./certificate/compare-models.ts";
import { savingIn } from "./context.ts";
import { convertModel } from "./convert.ts";
import { dataReport } from "./data-report.ts";
import { documentView } from "./document-view.ts";
import { Documents } from "./documents.ts";
import type { Methods } from "./method-types.ts";
import { modelTextMethods } from "./model-text/methods.ts";
import { nodeDetail } from "./node-detail.ts";
import { passSites, sitesAt } from "./technique-sites.ts";
import { techniques } from "./techniques.ts";
import { textView } from "./text-view.ts";
import { trainingMethods } from "./training-methods.ts";

/** The engine's requests. One table, so that a method without an answer does not compile. */
export function engineMethods(): Methods {
  const documents = new Documents();
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
    examineData: async ({ model, ...request }, context) =>
      dataReport(
        request,
        model === undefined ? undefined : (await documents.get(model, context)).graph,
        context,
      ),
    ...trainingMethods(documents),
  };
}

async function runtimeReport(): Promise<RuntimeReport> {
  const { name, version, reason } = await loadRuntime();
  return { name, version, reason };
}
