import { DataType } from "../../graph/data-type.ts";
import { knownNumber, type LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";

/** x ≠ a number, for each element. Keras 3 lists it for the masks that its layers are called with. */
function notEqual(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const float = call.add("float", "Cast", [input.value], { to: { int: DataType.FLOAT } });
  const same = call.add("same", "Equal", [float, call.builder.scalar(knownNumber(call))]);
  const value = call.add("main", "Not", [same]);
  return { ...input, value, mask: undefined, dataType: DataType.BOOL };
}

/** Whether any of the elements along an axis is true. */
function any(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const rank = input.shape.length;
  const stated = call.fields.integer("axis");
  const axis = stated < 0 ? stated + rank : stated;
  if (axis < 0 || axis >= rank) call.fields.refuse("axis", "an axis of its input");
  const keep = call.fields.boolean("keepdims", false);
  const number = call.add("number", "Cast", [input.value], { to: { int: DataType.FLOAT } });
  const attributes = { axes: { ints: [axis] }, keepdims: { int: keep ? 1 : 0 } };
  const most = call.add("most", "ReduceMax", [number], attributes);
  const value = call.add("main", "Cast", [most], { to: { int: DataType.BOOL } });
  const shape = keep
    ? input.shape.map((size, each) => (each === axis ? 1 : size))
    : input.shape.filter((_, each) => each !== axis);
  return { ...input, value, shape, dataType: DataType.BOOL };
}

export const operationLayers: readonly LayerRule[] = [
  { classNames: ["NotEqual"], build: notEqual, takesNumbers: true },
  { classNames: ["Any"], build: any },
];
