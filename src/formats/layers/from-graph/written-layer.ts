import type { Dimension } from "../../../graph/builder.ts";
import type { Tensor } from "../../../graph/tensor.ts";
import type { JsonObject } from "../json.ts";

/** Types that an input of a layers model may have. */
export type LayerType = "float32" | "int32" | "int64" | "bool" | "uint8";

/** A weight of a layer, in the layout of Keras. */
export interface WrittenWeight {
  /** "kernel", or behind the layer that it lies in: "forward_lstm/kernel". */
  readonly name: string;
  readonly tensor: Tensor;
}

/** A layer that is called once and has one output. */
export interface WrittenLayer {
  readonly className: string;
  readonly name: string;
  /** Without the fields that every layer has. */
  readonly config: JsonObject;
  /** Layers whose results it reads. */
  readonly inputs: readonly string[];
  /** Sizes of its result in its own order of axes, the batch first. */
  readonly shape: readonly Dimension[];
  readonly dataType: LayerType;
  /** In the order in which Keras counts them. */
  readonly weights: readonly WrittenWeight[];
  readonly trainable: boolean;
}
