import { isObject } from "../../formats/layers/json.ts";
import type { WeightUse } from "../../formats/layers/layer-call.ts";
import type { LayersSource } from "../../formats/layers/layers-source.ts";
import { layersSource } from "../../formats/layers/layers-source.ts";
import type { LayerRecord } from "../../formats/layers/read-layers.ts";
import { graphTensor } from "../../formats/layers/weight-layout.ts";
import { activityRegularizerOf } from "../../formats/layers/weight-rules.ts";
import { readModel, saveModel } from "../../formats/registry.ts";
import { tfjsTopology } from "../../formats/tfjs/from-keras.ts";
import { changeGraph } from "../../graph/edit.ts";
import { InputError } from "../../graph/input-error.ts";
import { float32Tensor, type Tensor } from "../../graph/tensor.ts";
import type { Regularizer } from "../../graph/weight-rules.ts";
import { modelFingerprint } from "../fingerprint.ts";
import type { LayersFile } from "./layers-file.ts";

/**
 * Reads a model that Keras saved, .keras or .h5, as TensorFlow.js can build it. Weights lie in both
 * as they do in TensorFlow.js, so that none are moved; written they go back into the file they are from.
 *
 * @throws InputError naming the layer or field that is wrong.
 */
export async function readKerasFile(path: string): Promise<LayersFile> {
  const graph = await readModel(path);
  const source = layersSource(graph);
  if (source === undefined || source.format === "tfjs") {
    throw new InputError("its content is not what Keras saves under such a name", path);
  }
  const uses = weightUses(source);
  const weights = [...uses].map(([name, { stored }]) => ({ ...(stored as Tensor), name }));
  return {
    path,
    topology: tfjsTopology(source.model),
    weights,
    fingerprint: modelFingerprint(graph),
    keras: { graph, activities: activitiesOf(source) },
    save: async (target, values, signal) => {
      const initializers = [...values].flatMap(([name, numbers]) => {
        const use = uses.get(name);
        return use === undefined ? [] : [trainedTensor(use, numbers)];
      });
      const trained = changeGraph(graph, { initializers });
      await saveModel(trained, target, signal === undefined ? {} : { signal });
    },
  };
}

/** Regularizers of what layers put out, by layer; TensorFlow.js refuses to build layers with any. */
function activitiesOf({ records, format }: LayersSource): ReadonlyMap<string, Regularizer> {
  const dialect = format === "keras" ? "keras3" : "keras2";
  return new Map(
    [...records.values()].flatMap(({ layer }) => {
      const stated = activityRegularizerOf(layer.fields, layer.className, dialect);
      return stated === undefined ? [] : [[layer.name, stated] as const];
    }),
  );
}

function trainedTensor({ value, storedDims, layout }: WeightUse, numbers: Float32Array): Tensor {
  return graphTensor(value, float32Tensor(value, storedDims, numbers.slice()), layout);
}

/** Where the graph reads each weight of the file, by the name that TensorFlow.js gives the weight. */
function weightUses({ records }: LayersSource): ReadonlyMap<string, WeightUse> {
  const uses = new Map<string, WeightUse>();
  for (const record of records.values()) {
    for (const { use } of record.calls.flatMap(({ places }) => places)) {
      if (use.stored !== undefined) uses.set(tensorFlowName(record, use.weight), use);
    }
  }
  return uses;
}

/**
 * "conv/kernel", whatever models the layer lies in; "bi/forward_lstm/kernel" inside of a Bidirectional,
 * which calls its layers so, and "td/kernel" inside of a TimeDistributed.
 */
function tensorFlowName({ layer }: LayerRecord, weight: string): string {
  const [part = "", inside] = weight.split("/");
  if (inside === undefined) return `${layer.name}/${part}`;
  if (layer.className !== "Bidirectional") return `${layer.name}/${inside}`;
  const wrapped = layer.fields.value("layer");
  const config = isObject(wrapped) && isObject(wrapped.config) ? wrapped.config : {};
  return `${layer.name}/${part}_${String(config.name)}/${inside}`;
}
