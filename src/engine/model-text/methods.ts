import type { EngineMethods } from "../../protocol/engine.ts";
import type { ModelTextRequest, RewriteTextRequest } from "../../protocol/model-text.ts";
import { type RequestContext, throwIfCancelled } from "../context.ts";
import { layerDetail } from "./layer-detail.ts";
import { layerSites } from "./layer-sites.ts";
import { modelTextView } from "./model-text-view.ts";
import { ModelTexts } from "./model-texts.ts";
import { rewriteText } from "./rewrite-text.ts";

/** The requests about a model.json that is open as text. */
export function modelTextMethods() {
  const texts = new ModelTexts();
  return {
    modelText: async (params: ModelTextRequest, { signal }: RequestContext) => {
      // Each keystroke asks; what waited behind others while the text changed is not worth reading.
      throwIfCancelled(signal);
      const model = await texts.get(params);
      return model === undefined ? null : modelTextView(model);
    },
    layerDetail: async (params: ModelTextRequest & { readonly layer: string }) =>
      layerDetail((await texts.readable(params)).graph, params.layer),
    layerSites: async (
      params: ModelTextRequest & { readonly layer: string },
      { signal }: RequestContext,
    ) => ({ sites: layerSites((await texts.readable(params)).graph, params.layer, signal) }),
    rewriteText: async (params: RewriteTextRequest, context: RequestContext) =>
      rewriteText(await texts.readable(params), params, context),
  } satisfies Partial<Record<keyof EngineMethods, unknown>>;
}
