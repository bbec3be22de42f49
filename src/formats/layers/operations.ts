import { DataType } from "../../graph/data-type.ts";
import { memoryTensor } from "../../graph/tensor.ts";
import { knownNumber, type LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";
import { broadcast } from "./merging.ts";

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

/** Truth of one, the other or both. */
function logical(opType: "Or" | "And"): (call: LayerCall) => LayerValue {
  return (call) => {
    const [one, two, ...others] = call.inputs.map((input) => call.inFileOrder(input));
    if (one === undefined || two === undefined || others.length > 0) {
      return call.cannotExpress(`it is called with ${call.inputs.length} tensors`);
    }
    const [left, right] = [truth(call, one, "left"), truth(call, two, "right")];
    const value = call.add("main", opType, [left, right]);
    return { ...one, value, shape: broadcast(call, [one, two]), dataType: DataType.BOOL };
  };
}

function truth(call: LayerCall, { value, dataType }: LayerValue, part: string): string {
  if (dataType === DataType.BOOL) return value;
  return call.add(part, "Cast", [value], { to: { int: DataType.BOOL } });
}

const TYPES: ReadonlyMap<string, DataType> = new Map([
  ["bool", DataType.BOOL],
  ["int32", DataType.INT32],
  ["int64", DataType.INT64],
  ["float32", DataType.FLOAT],
]);

/** The type that a field named dtype asks for; that of the input where it asks for none. */
function statedType(call: LayerCall, input: LayerValue): DataType {
  if (!call.fields.has("dtype")) return input.dataType;
  const name = call.fields.string("dtype");
  return TYPES.get(name) ?? call.cannotExpress(`its result is ${name}`);
}

function converted(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const dataType = statedType(call, input);
  const value = call.add("main", "Cast", [input.value], { to: { int: dataType } });
  return { ...input, value, dataType };
}

function expandDims(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const rank = input.shape.length + 1;
  const stated = call.fields.integer("axis");
  const axis = stated < 0 ? stated + rank : stated;
  if (axis < 1 || axis >= rank) call.cannotExpress("its new axis stands before the batch");
  const value = call.add("main", "Unsqueeze", [input.value, call.builder.ints([axis])]);
  return { ...input, value, shape: input.shape.toSpliced(axis, 0, 1) };
}

/** As many zeros as the input has elements; false where they are of type bool. */
function zerosLike(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const dataType = statedType(call, input);
  const { builder } = call;
  const zero =
    dataType === DataType.BOOL
      ? builder.shared("false", (name) => memoryTensor(name, [], DataType.BOOL, new Uint8Array(1)))
      : call.add("zero", "Cast", [builder.scalar(0)], { to: { int: dataType } });
  const sizes = call.add("sizes", "Shape", [input.value]);
  return { ...input, value: call.add("main", "Expand", [zero, sizes]), dataType };
}

/** Keras 3 lists them for masks that come from several tensors. */
export const operationLayers: readonly LayerRule[] = [
  { classNames: ["NotEqual"], build: notEqual, takesNumbers: true },
  { classNames: ["Any"], build: any },
  { classNames: ["LogicalOr"], build: logical("Or") },
  { classNames: ["LogicalAnd"], build: logical("And") },
  { classNames: ["ConvertToTensor"], build: converted },
  { classNames: ["ExpandDims"], build: expandDims },
  { classNames: ["ZerosLike"], build: zerosLike },
];
