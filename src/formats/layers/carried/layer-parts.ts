import { Fields } from "../fields.ts";
import { isObject } from "../json.ts";
import type { LayerConfig } from "../model-config.ts";

/** What holds some of a layer's weights: the layer itself, or a layer inside of it. */
export interface LayerPart {
  /** What stands before the names of its weights, as in WeightUse.weight: "forward"; "" for none. */
  readonly prefix: string;
  /** Its group in that of the layer in a .keras file, by the attributes that Keras' classes hold it in. */
  readonly group: readonly string[];
  /** What older versions of Keras 3 call the group; left out where they call it the same. */
  readonly formerGroup?: readonly string[];
  /** What stands between the layer's name and the weight's in an .h5 file. */
  readonly folder: readonly string[];
}

const CELLS: Readonly<Record<string, string>> = {
  LSTM: "lstm_cell",
  GRU: "gru_cell",
  SimpleRNN: "simple_rnn_cell",
};

const OWN: LayerPart = { prefix: "", group: [], folder: [] };

/** The parts of a layer in the order in which Keras lists their weights. */
export function layerParts({ className, fields }: LayerConfig): readonly LayerPart[] {
  const cell = CELLS[className];
  if (cell !== undefined) return [{ ...OWN, group: ["cell"], folder: [cell] }];
  if (className === "Bidirectional") return bidirectionalParts(fields);
  if (className === "TimeDistributed") return wrappedParts(fields);
  if (className === "MultiHeadAttention") return attentionParts("");
  const grouped = className === "GroupQueryAttention" || className === "GroupedQueryAttention";
  return grouped ? attentionParts("_") : [OWN];
}

function bidirectionalParts(fields: Fields): LayerPart[] {
  const layer = innerOf(fields, "layer");
  const other = fields.has("backward_layer") ? innerOf(fields, "backward_layer") : layer;
  const part = (direction: string, { name, className }: Inner) => ({
    prefix: direction,
    group: [`${direction}_layer`, "cell"],
    folder: [
      `${direction}_${name.replace(/^(forward|backward)_/, "")}`,
      CELLS[className] ?? "cell",
    ],
  });
  return [part("forward", layer), part("backward", other)];
}

function wrappedParts(fields: Fields): LayerPart[] {
  const inner = innerOf(fields, "layer");
  const layer = { ...inner, calls: [], model: undefined, raw: undefined };
  return layerParts(layer).map(({ prefix, group, folder }) => ({
    prefix: [inner.name, prefix].filter((each) => each !== "").join("/"),
    group: ["layer", ...group],
    folder: [inner.name, ...folder],
  }));
}

/** Multi-head attention has a layer for each of its products. */
function attentionParts(private_: string): LayerPart[] {
  return ["query", "key", "value", "output"].map((product) => {
    const prefix = product === "output" ? "attention_output" : product;
    const group = [`${private_}${product}_dense`];
    return { prefix, group, formerGroup: [`_${product}_dense`], folder: [prefix] };
  });
}

interface Inner {
  readonly name: string;
  readonly className: string;
  readonly fields: Fields;
}

function innerOf(fields: Fields, field: string): Inner {
  const { class_name: className, config } = fields.object(field);
  const inner = new Fields(isObject(config) ? config : {}, fields.where);
  return { name: inner.string("name", field), className: String(className), fields: inner };
}
