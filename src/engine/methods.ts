import { otherFiles, readModel } from "../formats/registry.ts";
import type { RuntimeReport } from "../protocol/engine.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { compareModels } from "./certificate/compare-models.ts";
import { dataReport } from "./data-report.ts";
import { documentMethods } from "./document-methods.ts";
import { Documents } from "./documents.ts";
import type { Methods } from "./method-types.ts";
import { modelTextMethods } from "./model-text/methods.ts";
import { techniques } from "./techniques.ts";
import { trainingMethods } from "./training-methods.ts";

/** The engine's requests. One table, so that a method without an answer does not compile. */
export function engineMethods(): Methods {
  const documents = new Documents();
  return {
    runtime: () => runtimeReport(),
    techniques: async () => techniques(),
    otherFiles: async ({ path }) => ({ files: await otherFiles(path) }),
    ...documentMethods(documents, runtimeReport),
    ...modelTextMethods(),
    ...trainingMethods(documents),
    verify: async (params, context) =>
      compareModels({
        a: await readModel(params.a),
        b: await readModel(params.b),
        runtime: await loadRuntime(),
        signal: context.signal,
        onProgress: context.progress,
        ...(params.data === undefined ? {} : { data: params.data }),
      }),
    examineData: async ({ model, ...request }, context) =>
      dataReport(
        request,
        model === undefined ? undefined : (await documents.get(model, context)).graph,
        context,
      ),
  };
}

async function runtimeReport(): Promise<RuntimeReport> {
  const { name, version, reason } = await loadRuntime();
  return { name, version, reason };
}
