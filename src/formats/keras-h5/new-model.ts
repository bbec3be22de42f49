import { dataset, type Hdf5Group, textAttribute, withAttribute, withNode } from "../hdf5/tree.ts";
import { writeHdf5 } from "../hdf5/write.ts";
import type { LayersModel } from "../layers/from-graph/layers-model.ts";
import { kerasOrder } from "../layers/keras-order.ts";
import { parseModelConfig } from "../layers/model-config.ts";
import { saveBytes } from "../layers/save-bytes.ts";
import type { NewModel } from "../registry.ts";
import { withNameList } from "./name-lists.ts";
import { readKerasH5 } from "./read.ts";

/** Whose form the config has. */
const KERAS_VERSION = "3.0.0";

const EMPTY: Hdf5Group = { kind: "group", attributes: new Map(), children: new Map() };

/** A whole-model HDF5 file for a model that was not read from one. */
export async function newKerasH5Model(model: LayersModel): Promise<NewModel> {
  const version = textAttribute(KERAS_VERSION);
  const weights = withAttribute(weightGroups(model), "keras_version", version);
  let root = withNode(EMPTY, ["model_weights"], weights);
  root = withAttribute(root, "keras_version", version);
  root = withAttribute(root, "model_config", textAttribute(JSON.stringify(model.config)));
  const bytes = await writeHdf5(root);
  return {
    read: () => readKerasH5(bytes),
    save: (target, options) => saveBytes(async () => bytes, target, options),
  };
}

/** A group for each layer, in the order in which Keras has them when it has read the config. */
function weightGroups({ config, layers }: LayersModel): Hdf5Group {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const ordered = kerasOrder(parseModelConfig(config)).map(({ name }) => name);
  let root = EMPTY;
  for (const name of ordered) {
    const { weights = [] } = byName.get(name) ?? {};
    let group = EMPTY;
    for (const { name: weight, tensor } of weights) {
      const place = [name, ...weight.split("/")];
      group = withNode(group, place, dataset(tensor.dims, tensor.data.read()));
    }
    const names = weights.map((weight) => `${name}/${weight.name}`);
    root = withNode(root, [name], withNameList(group, "weight_names", names));
  }
  return withNameList(root, "layer_names", ordered);
}
