import { floatAttribute, intAttribute, stringAttribute } from "../../../graph/attributes.ts";
import { constantValue } from "../../../graph/constants.ts";
import type { Node } from "../../../graph/graph.ts";
import { indexOf } from "../../../graph/index.ts";
import { readNumbers } from "../../../graph/numbers.ts";
import { elementCount } from "../../../graph/tensor.ts";
import type { NodeCall } from "./node-call.ts";
import type { NodeWriter } from "./node-writer.ts";
import { unwritable } from "./unwritable.ts";
import { requireFloat } from "./weights.ts";
import type { WrittenValue } from "./written-value.ts";

/** An Activation layer of that name. */
function named(activation: string): (call: NodeCall) => WrittenValue {
  return (call) => call.elementwise("Activation", call.shuffledInput(0), { activation });
}

function leakyRelu(call: NodeCall): WrittenValue {
  const field = call.forTfjs ? "alpha" : "negative_slope";
  const slope = floatAttribute(call.node, "alpha", 0.01);
  return call.elementwise("LeakyReLU", call.shuffledInput(0), { [field]: slope });
}

/** ELU(x) = x for x ≥ 0, α·(eˣ − 1) below; TensorFlow.js has α = 1 only: α·ELU₁(x) + (1 − α)·relu(x). */
function elu(call: NodeCall): WrittenValue {
  const value = call.shuffledInput(0);
  const alpha = floatAttribute(call.node, "alpha", 1);
  if (alpha === 1 || !call.forTfjs) return call.elementwise("ELU", value, { alpha });
  const below = call.rescaled(call.elementwise("ELU", value, { alpha: 1 }), alpha, 0);
  const above = call.rescaled(call.elementwise("ReLU", value), 1 - alpha, 0);
  return call.layer("Add", [below, above], value);
}

/** clip(x, low, high) = low + min(relu(x − low), high − low), the form that a ReLU with a limit has. */
function limited(call: NodeCall, value: WrittenValue, low: number, high: number): WrittenValue {
  const shifted = call.rescaled(value, 1, -low);
  const config = Number.isFinite(high) ? { max_value: high - low } : {};
  return call.rescaled(call.elementwise("ReLU", shifted, config), 1, low);
}

function clip(call: NodeCall): WrittenValue {
  const { node } = call;
  const low = call.scalar(1, floatAttribute(node, "min", Number.NEGATIVE_INFINITY));
  const high = call.scalar(2, floatAttribute(node, "max", Number.POSITIVE_INFINITY));
  const value = call.shuffledInput(0);
  if (Number.isFinite(low)) return limited(call, value, low, high);
  if (!Number.isFinite(high)) return value;
  // min(x, high) = −max(−x, −high)
  const turned = limited(call, call.rescaled(value, -1, 0), -high, Number.POSITIVE_INFINITY);
  return call.rescaled(turned, -1, 0);
}

/** HardSigmoid(x) = clip(α·x + β, 0, 1); frameworks have other α under the name of the activation. */
function hardSigmoid(call: NodeCall, alpha: number, beta: number): WrittenValue {
  const value = call.shuffledInput(0);
  return limited(call, call.rescaled(value, alpha, beta), 0, 1);
}

/** HardSwish(x) = x·HardSigmoid(x) with α = 1/6, β = ½. */
function hardSwish(call: NodeCall): WrittenValue {
  const value = call.shuffledInput(0);
  const gate = hardSigmoid(call, 1 / 6, 0.5);
  return call.layer("Multiply", [value, gate], value);
}

/** Over one axis, which the layer's own axes have to contain. */
function softmax(logarithm: boolean): (call: NodeCall) => WrittenValue {
  return (call) => {
    const value = call.input(0);
    const rank = value.shape.length;
    const stated = intAttribute(call.node, "axis", -1);
    const axis = stated < 0 ? stated + rank : stated;
    const others = value.axes.filter((each) => each !== axis);
    const there = value.axes.includes(axis);
    // LogSoftmax is an activation, of the last axis; TensorFlow.js has no other Softmax either.
    const anywhere = !logarithm && !call.forTfjs;
    const placed = there && anywhere ? value : call.arranged(value, [...others, axis]);
    if (logarithm) {
      const config = { activation: "log_softmax" };
      return call.elementwise("Activation", placed, config);
    }
    const place = placed.axes.indexOf(axis);
    if (place === 0) unwritable("it runs over the batch");
    const config = { axis: place === placed.axes.length - 1 ? -1 : place };
    return call.elementwise("Softmax", placed, config);
  };
}

/** One slope for each channel, shared between the positions. */
function parametricRelu(call: NodeCall): WrittenValue {
  const slope = call.weight(1, "slope");
  requireFloat(slope);
  const value = call.input(0);
  const channels = elementCount(slope.dims);
  const axis = value.shape.length - slope.dims.length + slope.dims.findIndex((size) => size > 1);
  const along = channels === 1 ? value.axes.at(-1) : axis;
  const long = slope.dims.filter((size) => size > 1).length;
  if (long > 1) unwritable("it has slopes for more than one axis");
  const others = value.axes.filter((each) => each !== along);
  const placed = call.arranged(value, [...others, along ?? 1]);
  const dims = placed.axes.slice(1).map((each) => (each === axis && channels > 1 ? channels : 1));
  const shared = dims.flatMap((size, index) => (size === 1 ? [index + 1] : []));
  const tensor = { ...slope, name: "alpha", dims };
  const weights = [{ name: "alpha", tensor }];
  const config = { shared_axes: shared };
  return call.layer("PReLU", [placed], placed, { config, weights });
}

/** GELU(x) = ½·x·(1 + erf(x/√2)) (Hendrycks & Gimpel), put together from five nodes around Erf. */
function erf(call: NodeCall): undefined {
  const { graph, node } = call;
  const divided = call.context.values.get(node.input[0] ?? "");
  const scaling = indexOf(graph).producer(node.input[0] ?? "");
  const by = scaling && constantOf(call, scaling);
  const source = scaling && variableOf(call, scaling);
  const factor = scaling?.opType === "Div" ? 1 / (by ?? 1) : (by ?? 0);
  const plus = call.onlyReader;
  const isHalf = (each: Node | undefined, value: number, opType: string) => {
    const stated = each && constantOf(call, each);
    return each?.opType === opType && stated !== undefined && Math.abs(stated - value) < 1e-6;
  };
  const gate = plus && isHalf(plus, 1, "Add") ? call.readerOf(plus) : undefined;
  if (divided === undefined || gate?.opType !== "Mul" || plus === undefined) return noErf();
  const other = gate.input.find((name) => name !== plus.output[0]) ?? "";
  const half = call.readerOf(gate);
  const exact = Math.abs(factor - Math.SQRT1_2) < 1e-6;
  const value = call.context.values.get(source ?? "");
  if (!exact || value === undefined) return noErf();
  const gelu = () => call.elementwise("Activation", value, { activation: "gelu" });
  if (other === source && half !== undefined && isHalf(half, 0.5, "Mul")) {
    for (const each of [plus, gate]) call.context.absorbed.add(each);
    call.absorb(half, gelu());
    return;
  }
  const halved = indexOf(graph).producer(other);
  if (halved === undefined || !isHalf(halved, 0.5, "Mul")) return noErf();
  if (variableOf(call, halved) !== source) return noErf();
  call.context.absorbed.add(plus);
  call.absorb(gate, gelu());
}

function noErf(): never {
  return unwritable("no layer computes it by itself, and what stands around it is no GELU");
}

function constantOf(call: NodeCall, { input }: Node): number | undefined {
  const tensors = input.map((name) => constantValue(call.graph, name));
  const tensor = tensors.find((each) => each !== undefined);
  return tensor && elementCount(tensor.dims) === 1 ? readNumbers(tensor)[0] : undefined;
}

function variableOf(call: NodeCall, { input }: Node): string | undefined {
  return input.find((name) => constantValue(call.graph, name) === undefined);
}

export const activationWriters: readonly NodeWriter[] = [
  {
    opTypes: ["Relu"],
    write: (call) => call.elementwise("ReLU", call.shuffledInput(0)),
  },
  { opTypes: ["Sigmoid"], write: named("sigmoid") },
  { opTypes: ["Tanh"], write: named("tanh") },
  { opTypes: ["Selu"], write: named("selu") },
  { opTypes: ["Softplus"], write: named("softplus") },
  { opTypes: ["Softsign"], write: named("softsign") },
  { opTypes: ["Mish"], write: named("mish") },
  {
    opTypes: ["Gelu"],
    write: (call) =>
      stringAttribute(call.node, "approximate", "none") === "none"
        ? named("gelu")(call)
        : unwritable("it approximates with tanh, which TensorFlow.js and Keras name differently"),
  },
  {
    opTypes: ["Exp"],
    write: (call) =>
      call.forTfjs
        ? unwritable("TensorFlow.js has no such activation")
        : named("exponential")(call),
  },
  { opTypes: ["Elu"], write: elu },
  { opTypes: ["LeakyRelu"], write: leakyRelu },
  { opTypes: ["PRelu"], write: parametricRelu },
  { opTypes: ["Clip"], reads: () => [0], write: clip },
  {
    opTypes: ["HardSigmoid"],
    write: (call) => {
      const alpha = floatAttribute(call.node, "alpha", 0.2);
      return hardSigmoid(call, alpha, floatAttribute(call.node, "beta", 0.5));
    },
  },
  { opTypes: ["HardSwish"], write: hardSwish },
  { opTypes: ["Softmax"], write: softmax(false) },
  { opTypes: ["LogSoftmax"], write: softmax(true) },
  { opTypes: ["Erf"], write: erf },
];
