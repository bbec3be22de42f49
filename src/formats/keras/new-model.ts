import { zipSync } from "fflate";
import { dataset, type Hdf5Group, withNode } from "../hdf5/tree.ts";
import { writeHdf5 } from "../hdf5/write.ts";
import type { LayersModel } from "../layers/from-graph/layers-model.ts";
import type { WrittenLayer } from "../layers/from-graph/written-layer.ts";
import { kerasGroupNames } from "../layers/keras-order.ts";
import { parseModelConfig } from "../layers/model-config.ts";
import { saveBytes } from "../layers/save-bytes.ts";
import type { NewModel } from "../registry.ts";
import { CONFIG, METADATA, NO_TIME, WEIGHTS } from "./archive.ts";
import { readKeras } from "./read.ts";

/** Whose form the config has. */
const KERAS_VERSION = "3.0.0";

/** A .keras archive for a model that was not read from one. */
export async function newKerasModel(model: LayersModel): Promise<NewModel> {
  const text = new TextEncoder();
  const archive = zipSync(
    {
      [METADATA]: text.encode(JSON.stringify({ keras_version: KERAS_VERSION })),
      [CONFIG]: text.encode(JSON.stringify(model.config)),
      [WEIGHTS]: await writeHdf5(weightGroups(model)),
    },
    // Keras stores the entries as they are.
    { level: 0, mtime: NO_TIME },
  );
  return {
    read: () => readKeras(archive),
    save: (target, options) => saveBytes(async () => archive, target, options),
  };
}

/** The variables of each layer, counted, in the groups that Keras looks for. */
function weightGroups({ config, layers }: LayersModel): Hdf5Group {
  const names = kerasGroupNames(parseModelConfig(config));
  let root: Hdf5Group = { kind: "group", attributes: new Map(), children: new Map() };
  for (const layer of layers) {
    const counts = new Map<string, number>();
    for (const { name, tensor } of layer.weights) {
      const inside = partOf(layer, name);
      const count = counts.get(inside.join("/")) ?? 0;
      counts.set(inside.join("/"), count + 1);
      const group = ["layers", names.get(layer.name) ?? layer.name, ...inside];
      const place = [...group, "vars", String(count)];
      root = withNode(root, place, dataset(tensor.dims, tensor.data.read()));
    }
  }
  return root;
}

const RECURRENT: ReadonlySet<string> = new Set(["LSTM", "GRU", "SimpleRNN"]);

/** A recurrent layer's weights are those of its cell; a Bidirectional has two such layers. */
function partOf({ className }: WrittenLayer, weight: string): string[] {
  if (RECURRENT.has(className)) return ["cell"];
  if (className !== "Bidirectional") return [];
  return [weight.startsWith("forward_") ? "forward_layer" : "backward_layer", "cell"];
}
