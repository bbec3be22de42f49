import { saveModel } from "../formats/registry.ts";
import type { DocumentRequest, RuntimeReport } from "../protocol/engine.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { modelStatistics } from "../training/model-statistics.ts";
import { analyze } from "./analyze.ts";
import { applyPass } from "./apply-pass.ts";
import { type RequestContext, savingIn } from "./context.ts";
import { convertModel } from "./convert.ts";
import { documentView } from "./document-view.ts";
import type { Documents } from "./documents.ts";
import type { Methods } from "./method-types.ts";
import { nodeDetail } from "./node-detail.ts";
import { passSites, sitesAt } from "./technique-sites.ts";
import { textView } from "./text-view.ts";

type DocumentMethod =
  | "open"
  | "nodeDetail"
  | "preview"
  | "sites"
  | "sitesAt"
  | "analyze"
  | "text"
  | "save"
  | "convert"
  | "statistics"
  | "close";

/** The requests about one document: a model file and the edits since. */
export function documentMethods(
  documents: Documents,
  runtimeReport: () => Promise<RuntimeReport>,
): Pick<Methods, DocumentMethod> {
  const graphOf = async (params: DocumentRequest, context: RequestContext) =>
    (await documents.get(params, context)).graph;
  return {
    open: async (params, context) =>
      documentView(params.path, await documents.get(params, context), await runtimeReport()),
    nodeDetail: async (params, context) => nodeDetail(await graphOf(params, context), params.node),
    preview: async (params, context) =>
      (await applyPass(await graphOf(params, context), params, context)).report,
    sites: async (params, context) =>
      passSites(await graphOf(params, context), params.pass, params.options),
    sitesAt: async (params, context) => ({
      sites: sitesAt(await graphOf(params, context), params.node),
    }),
    analyze: async (params, context) => analyze(await graphOf(params, context), params, context),
    text: async (params, context) => textView(params.path, await graphOf(params, context)),
    save: async (params, context) => ({
      bytes: await saveModel(await graphOf(params, context), params.target, savingIn(context)),
    }),
    convert: async (params, context) =>
      convertModel(await graphOf(params, context), params, context),
    statistics: async (params, context) => ({
      values: await modelStatistics({
        graph: await graphOf(params, context),
        data: params.data,
        runtime: await loadRuntime(),
        signal: context.signal,
        ...(params.nodes === undefined ? {} : { nodes: params.nodes }),
      }),
    }),
    close: async (params) => {
      documents.forget(params.path);
      return null;
    },
  };
}
