import { zipSync } from "fflate";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { groupAt, type Hdf5Group, textAttribute, withAttribute, withNode } from "../hdf5/tree.ts";
import { writeHdf5 } from "../hdf5/write.ts";
import {
  type CarriedModel,
  type CarriedWeight,
  keras3Version,
  plainLayers,
} from "../layers/carried/carried-model.ts";
import { type LayerPart, layerParts } from "../layers/carried/layer-parts.ts";
import { kerasGroupNames } from "../layers/keras-order.ts";
import type { ModelConfig } from "../layers/model-config.ts";
import { saveBytes } from "../layers/save-bytes.ts";
import type { NewModel } from "../registry.ts";
import { CONFIG, METADATA, NO_TIME, WEIGHTS } from "./archive.ts";
import { withOperationModules } from "./operation-modules.ts";
import { readKeras } from "./read.ts";
import { type KerasSource, kerasSource } from "./source.ts";
import { layerGroups } from "./weights.ts";

/**
 * What a .keras file holds, to be written in another format.
 *
 * @throws InputError naming a layer whose weights lie in groups that are not known.
 */
export function carriedFromKeras(graph: Graph): CarriedModel {
  const source = kerasSource(graph) as KerasSource;
  const version = keras3Version(source);
  const groups = layerGroups(source.weights, source.model);
  const names = new Map([...source.places].map(([name, place]) => [place.join("/"), name]));
  const weights = new Map<string, readonly CarriedWeight[]>();
  for (const { layer, path } of plainLayers(source.model)) {
    const place = groups.get(path);
    const group = place && groupAt(source.weights, place);
    if (place === undefined || group === undefined) continue;
    const found = layerParts(layer).flatMap((part) => partWeights(group, part, place, names));
    if (found.length !== countWeights(group)) {
      throw new InputError(`layer ${path}: its parts have weights whose order is not known`);
    }
    weights.set(path, found);
  }
  return { model: source.model, weights, version };
}

function partWeights(
  layer: Hdf5Group,
  { prefix, group, formerGroup }: LayerPart,
  place: readonly string[],
  names: ReadonlyMap<string, string>,
): CarriedWeight[] {
  const inside = [group, formerGroup ?? group].find((each) => groupAt(layer, each) !== undefined);
  const own = [...(inside ?? group), "vars"];
  const variables = [...(groupAt(layer, own)?.children ?? [])];
  return variables
    .sort(([a], [b]) => Number(a) - Number(b))
    .flatMap(([index, dataset]) => {
      const known = names.get([...place, ...own, index].join("/"));
      const name = known?.split("/").at(-1) ?? index;
      return dataset.kind === "dataset" ? [{ prefix, name, dataset }] : [];
    });
}

/** All weights below a group; the state of generators of random numbers is none. */
function countWeights(group: Hdf5Group): number {
  return [...group.children].reduce((sum, [name, node]) => {
    if (node.kind === "dataset") return sum + 1;
    return name === "seed_generator" ? sum : sum + countWeights(node);
  }, 0);
}

/** A .keras archive of a model from another format. */
export async function carriedToKeras({ model, weights, version }: CarriedModel): Promise<NewModel> {
  const text = new TextEncoder();
  const { compile_config: _, ...raw } = withOperationModules(model.raw);
  const module = model.sequential ? "keras.src.models.sequential" : "keras.src.models.functional";
  const className = model.sequential ? "Sequential" : "Functional";
  const config = { ...raw, module, class_name: className, registered_name: className };
  const archive = zipSync(
    {
      [METADATA]: text.encode(JSON.stringify({ keras_version: version })),
      [CONFIG]: text.encode(JSON.stringify(config)),
      [WEIGHTS]: await writeHdf5(modelGroup(model, weights, "")),
    },
    // Keras stores the entries as they are.
    { level: 0, mtime: NO_TIME },
  );
  return {
    read: () => readKeras(archive),
    save: (target, options) => saveBytes(async () => archive, target, options),
  };
}

/** The groups of a model's layers below "layers", each with its variables counted from 0 in every part. */
function modelGroup(
  model: ModelConfig,
  weights: CarriedModel["weights"],
  parent: string,
): Hdf5Group {
  const names = kerasGroupNames(model);
  let root: Hdf5Group = { kind: "group", attributes: new Map(), children: new Map() };
  for (const layer of model.layers) {
    const path = `${parent}${layer.name}`;
    const place = ["layers", names.get(layer.name) ?? layer.name];
    if (layer.model !== undefined) {
      root = withNode(root, place, modelGroup(layer.model, weights, `${path}/`));
    }
    for (const part of layerParts(layer)) {
      const own = (weights.get(path) ?? []).filter(({ prefix }) => prefix === part.prefix);
      for (const [index, { dataset }] of own.entries()) {
        root = withNode(root, [...place, ...part.group, "vars", String(index)], dataset);
      }
    }
    const variables = groupAt(root, [...place, "vars"]);
    if (variables === undefined) continue;
    // As Keras does since 3.5: groups are counted, and this tells whose they are.
    const named = withAttribute(variables, "name", textAttribute(layer.name));
    root = withNode(root, [...place, "vars"], named);
  }
  return root;
}
