import { DataType } from "../../graph/data-type.ts";
import { OPAQUE_DOMAIN } from "../../graph/opaque-node.ts";
import { statedShape } from "./input-layer.ts";
import { isList, type Json } from "./json.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerValue, Size } from "./layer-value.ts";
import type { LayerConfig } from "./model-config.ts";

/** What the rest of the model tells of the results of one call of a layer. */
export interface ResultUses {
  /** How many results are read. */
  readonly count: number;
  /** Sizes that a reader states, by the result's number. */
  readonly shapes: ReadonlyMap<number, readonly Size[]>;
}

/**
 * A layer that is not computed: one node of the domain keras.layers named after the class, with the
 * layer's config, so that it is shown and written back as it is. No runtime has such an operator, and
 * whoever wants to run the model hears that.
 *
 * A result has the shape that its readers state; otherwise even its number of axes is unknown.
 */
export function opaqueResults(call: LayerCall, reason: string, uses: ResultUses): LayerValue[] {
  const { layer } = call;
  const path = call.path.join("/");
  const inputs = call.inputs.map((input) => call.inFileOrder(input).value);
  const outputs = Array.from({ length: Math.max(uses.count, 1) }, (_, index) =>
    call.builder.freshName(`${path}/result${index}`),
  );
  call.addNode({
    part: "main",
    opType: layer.className,
    domain: OPAQUE_DOMAIN,
    inputs,
    outputs,
    attributes: {
      config: { string: JSON.stringify(layer.fields.config) },
      reason: { string: reason },
    },
  });
  return outputs.map((value, index): LayerValue => {
    const shape = uses.shapes.get(index);
    const common = { value, moved: false, dataType: DataType.FLOAT };
    if (shape !== undefined) return { ...common, shape };
    return { ...common, shape: [], unknownBehind: path };
  });
}

/** Keras 3 states the shape that each layer was built for. */
export function builtShape({ raw, className }: LayerConfig): readonly Size[] | undefined {
  if (className === "InputLayer") return undefined;
  const built = raw?.build_config as { readonly input_shape?: Json } | undefined | null;
  const shape = built?.input_shape;
  const valid = (size: Json) => size === null || (Number.isInteger(size) && Number(size) >= 1);
  return isList(shape) && shape.length > 0 && shape.every(valid) ? (shape as Size[]) : undefined;
}

/** A model's own input states the shape of what it is called with. */
export function withStatedShape(value: LayerValue, input: LayerConfig): LayerValue {
  if (value.unknownBehind === undefined) return value;
  const { unknownBehind: _, ...known } = value;
  const shape = statedShape(input.fields);
  return shape === undefined ? value : { ...known, shape };
}
