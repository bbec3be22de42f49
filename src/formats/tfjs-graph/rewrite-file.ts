import type { Graph } from "../../graph/graph.ts";
import { isList, type Json, type JsonObject } from "../layers/json.ts";
import type { LoadedGroup } from "../tfjs/shards.ts";
import { rewrittenManifest } from "../tfjs/weight-files.ts";
import { rewriteNodes } from "./rewrite-nodes.ts";
import { rawSignature } from "./signature.ts";
import type { TfjsGraphSource } from "./source.ts";
import { withWeightChanges } from "./weight-changes.ts";

/** The document and the weights with what an edit of the graph amounts to; unchanged parts are the same objects. */
export function rewriteFile(
  source: TfjsGraphSource,
  edited: Graph,
): { readonly document: JsonObject; readonly groups: readonly LoadedGroup[] } {
  const { document } = source;
  const changes = rewriteNodes(source, edited);
  const groups = withWeightChanges(source.groups, changes.weights);
  const manifest = isList(document.weightsManifest) ? document.weightsManifest : [];
  const weightsManifest = rewrittenManifest(groups, source.groups, manifest);
  const sameManifest = weightsManifest.every((group, index) => group === manifest[index]);
  const sameNodes = changes.nodes === undefined;
  if (sameManifest && sameNodes && changes.outputs.size === 0) return { document, groups };
  const topology = document.modelTopology as JsonObject;
  return {
    document: {
      ...withOutputs(document, changes.outputs),
      ...(sameNodes ? {} : { modelTopology: { ...topology, node: changes.nodes as Json[] } }),
      ...(sameManifest ? {} : { weightsManifest }),
    },
    groups,
  };
}

/** The signature with other tensors as outputs, by what it named before. */
function withOutputs(document: JsonObject, renamed: ReadonlyMap<string, string>): JsonObject {
  const signature = rawSignature(document);
  if (renamed.size === 0 || signature === undefined) return document;
  const outputs = Object.fromEntries(
    Object.entries(signature.outputs as JsonObject).map(([key, entry]) => {
      const { name } = entry as JsonObject;
      const other = renamed.get(String(name).replace(/:0$/, ""));
      return [key, other === undefined ? entry : { ...(entry as JsonObject), name: other }];
    }),
  );
  const changed = { ...signature, outputs };
  if (document.signature === signature) return { ...document, signature: changed };
  const metadata = document.userDefinedMetadata as JsonObject;
  return { ...document, userDefinedMetadata: { ...metadata, signature: changed } };
}
