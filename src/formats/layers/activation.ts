import type { AttributeValue } from "../../graph/attributes.ts";
import { DataType } from "../../graph/data-type.ts";
import { isObject } from "./json.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import { type LayerValue, valueAxis } from "./layer-value.ts";

/** Adds an activation to a value; the nodes' parts begin with `part`. */
type Activation = (call: LayerCall, x: LayerValue, part: string) => string;

function operator(opType: string, attributes: Record<string, AttributeValue> = {}): Activation {
  return (call, { value }, part) => call.add(part, opType, [value], attributes);
}

/** x · f(x), as Swish and Mish are. */
function gated(gate: Activation): Activation {
  return (call, x, part) => call.add(part, "Mul", [x.value, gate(call, x, `${part}/gate`)]);
}

function scalar(call: LayerCall, value: number): string {
  return call.builder.scalar(value);
}

const clipped = (call: LayerCall, x: string, part: string, low: number, high: number) =>
  call.add(part, "Clip", [x, scalar(call, low), scalar(call, high)]);

/** softmax over the last axis of the file's order. */
function softmax(opType: string): Activation {
  return (call, x, part) =>
    call.add(part, opType, [x.value], { axis: { int: valueAxis(x, x.shape.length - 1) } });
}

/** GELU(x) = ½x·(1 + erf(x/√2)); or ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) (Hendrycks & Gimpel). */
function gelu(approximate: boolean): Activation {
  return (call, { value }, part) => {
    const named = (name: string) => `${part}/${name}`;
    let inner: string;
    if (approximate) {
      const cube = call.add(named("cube"), "Pow", [value, scalar(call, 3)]);
      const small = call.add(named("small"), "Mul", [cube, scalar(call, 0.044715)]);
      const sum = call.add(named("sum"), "Add", [value, small]);
      const scaled = call.add(named("scaled"), "Mul", [sum, scalar(call, Math.sqrt(2 / Math.PI))]);
      inner = call.add(named("inner"), "Tanh", [scaled]);
    } else {
      const scaled = call.add(named("scaled"), "Mul", [value, scalar(call, Math.SQRT1_2)]);
      inner = call.add(named("inner"), "Erf", [scaled]);
    }
    const gate = call.add(named("gate"), "Add", [inner, scalar(call, 1)]);
    const half = call.add(named("half"), "Mul", [value, scalar(call, 0.5)]);
    return call.add(part, "Mul", [half, gate]);
  };
}

/** clip(0.2·x + 0.5, 0, 1) up to Keras 2 and in TensorFlow.js; relu6(x + 3)/6 from Keras 3 on. */
const hardSigmoid: Activation = (call, { value }, part) =>
  call.add(part, "HardSigmoid", [value], {
    alpha: { float: call.context.dialect === "keras3" ? 1 / 6 : 0.2 },
    beta: { float: 0.5 },
  });

/** x·relu6(x + 3)/6 (Howard et al. 2019, "Searching for MobileNetV3"). */
const hardSwish = gated(operator("HardSigmoid", { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }));

/** ln(1/(1 + e^(−x))) = −softplus(−x). */
const logSigmoid: Activation = (call, { value }, part) => {
  const opposite = call.add(`${part}/opposite`, "Neg", [value]);
  return call.add(part, "Neg", [call.add(`${part}/softplus`, "Softplus", [opposite])]);
};

/** Activations by name, without underscores and in lower case. */
const ACTIVATIONS: ReadonlyMap<string, Activation> = new Map([
  ["linear", (_call: LayerCall, { value }: LayerValue) => value],
  ["relu", operator("Relu")],
  ["relu6", (call: LayerCall, x: LayerValue, part: string) => clipped(call, x.value, part, 0, 6)],
  ["sigmoid", operator("Sigmoid")],
  ["tanh", operator("Tanh")],
  ["softmax", softmax("Softmax")],
  ["logsoftmax", softmax("LogSoftmax")],
  ["elu", operator("Elu")],
  ["selu", operator("Selu")],
  ["softplus", operator("Softplus")],
  ["softsign", operator("Softsign")],
  ["exponential", operator("Exp")],
  ["hardsigmoid", hardSigmoid],
  ["swish", gated(operator("Sigmoid"))],
  ["silu", gated(operator("Sigmoid"))],
  ["hardswish", hardSwish],
  // What Keras 3 saves for either name, as in MobileNetV3.
  ["hardsilu", hardSwish],
  ["gelu", gelu(false)],
  ["gelunew", gelu(true)],
  ["celu", operator("Celu")],
  ["logsigmoid", logSigmoid],
  [
    "hardtanh",
    (call: LayerCall, x: LayerValue, part: string) => clipped(call, x.value, part, -1, 1),
  ],
  ["hardshrink", operator("Shrink", { lambd: { float: 0.5 } })],
  ["softshrink", operator("Shrink", { lambd: { float: 0.5 }, bias: { float: 0.5 } })],
  [
    "tanhshrink",
    (call: LayerCall, { value }: LayerValue, part: string) =>
      call.add(part, "Sub", [value, call.add(`${part}/tanh`, "Tanh", [value])]),
  ],
  ["leakyrelu", operator("LeakyRelu", { alpha: { float: 0.2 } })],
  [
    "mish",
    gated((call, { value }, part) =>
      call.add(part, "Tanh", [call.add(`${part}/softplus`, "Softplus", [value])]),
    ),
  ],
]);

/** The activation that a field of a layer names; the value as it is where there is none. */
export function activated(call: LayerCall, x: LayerValue, part = "activation"): LayerValue {
  const stated = call.fields.value("activation") ?? "linear";
  const name = isObject(stated) ? (stated.class_name ?? stated.registered_name) : stated;
  const key = typeof name === "string" ? name.toLowerCase().replaceAll("_", "") : "";
  const activation = ACTIVATIONS.get(key);
  if (activation === undefined)
    call.cannotExpress(`NormLens does not know its activation ${JSON.stringify(stated)}`);
  return { ...x, value: (activation as Activation)(call, x, part) };
}

/** max_value, negative_slope and threshold of ReLU; only what ONNX has an operator for. */
function relu(call: LayerCall): LayerValue {
  const { fields, input } = call;
  const slope = fields.number("negative_slope", 0);
  if (fields.number("threshold", 0) !== 0)
    call.cannotExpress("no operator is a ReLU with a threshold");
  const most = fields.has("max_value") ? fields.number("max_value") : undefined;
  if (most !== undefined && slope !== 0) {
    call.cannotExpress("no operator is a ReLU with both max_value and negative_slope");
  }
  if (most !== undefined) return { ...input, value: clipped(call, input.value, "main", 0, most) };
  if (slope === 0) return call.elementwise("main", "Relu");
  return call.elementwise("main", "LeakyRelu", { alpha: { float: slope } });
}

/** One slope for each place of an image, but for the shared axes. */
function parametricRelu(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const shared = new Set(call.fields.has("shared_axes") ? call.fields.integers("shared_axes") : []);
  const dims = input.shape.slice(1).map((size, axis) => {
    if (shared.has(axis + 1)) return 1;
    if (size === null) call.refuse(`the size of axis ${axis + 1} of its input is not known`);
    return size as number;
  });
  return { ...input, value: call.add("main", "PRelu", [input.value, call.weight("alpha", dims)]) };
}

/** Over one axis. What the mask that it is called with leaves out gets none, if all is left out. */
function softmaxLayer(call: LayerCall): LayerValue {
  const [data, ...others] = call.placed as [LayerValue, ...LayerValue[]];
  if (others.length > 0) call.cannotExpress("it is called with several tensors by place");
  const stated = call.fields.has("axis") ? call.fields.integers("axis") : [-1];
  const [first = -1] = stated;
  if (stated.length > 1) call.cannotExpress(`it runs over the axes ${stated} at once`);
  const axis = first < 0 ? first + data.shape.length : first;
  if (axis < 0 || axis >= data.shape.length) call.fields.refuse("axis", "an axis of its input");
  const mask = call.named("mask");
  if (mask === undefined) {
    const attributes = { axis: { int: valueAxis(data, axis) } };
    return { ...data, value: call.add("main", "Softmax", [data.value], attributes) };
  }
  const [input, { value: kept, dataType }] = [call.inFileOrder(data), call.inFileOrder(mask)];
  if (dataType !== DataType.BOOL) call.cannotExpress("its mask is not of type bool");
  const masked = call.add("masked", "Where", [kept, input.value, scalar(call, -1e9)]);
  const shares = call.add("softmax", "Softmax", [masked], { axis: { int: axis } });
  const value = call.add("main", "Where", [kept, shares, scalar(call, 0)]);
  return { ...input, value };
}

const rules: readonly LayerRule[] = [
  { classNames: ["Activation"], build: (call) => activated(call, call.input, "main") },
  { classNames: ["ReLU"], build: relu },
  {
    classNames: ["LeakyReLU"],
    build: (call) => {
      const field = call.fields.has("negative_slope") ? "negative_slope" : "alpha";
      return call.elementwise("main", "LeakyRelu", {
        alpha: { float: call.fields.number(field, 0.3) },
      });
    },
  },
  { classNames: ["PReLU"], build: parametricRelu },
  {
    classNames: ["ELU"],
    build: (call) =>
      call.elementwise("main", "Elu", { alpha: { float: call.fields.number("alpha", 1) } }),
  },
  {
    classNames: ["ThresholdedReLU"],
    build: (call) =>
      call.elementwise("main", "ThresholdedRelu", {
        alpha: { float: call.fields.number("theta", 1) },
      }),
  },
  { classNames: ["Softmax"], build: softmaxLayer, tensorArguments: ["mask"] },
];

export const activationLayers: readonly LayerRule[] = rules.map((rule) => ({
  ...rule,
  keepsMask: true,
}));

/** Values that an integer input has to become first. */
export function asFloat(call: LayerCall, x: LayerValue): LayerValue {
  if (x.dataType === DataType.FLOAT) return x;
  const value = call.add("cast", "Cast", [x.value], { to: { int: DataType.FLOAT } });
  return { ...x, value, dataType: DataType.FLOAT };
}
