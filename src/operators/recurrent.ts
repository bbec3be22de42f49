import {
  findAttribute,
  floatAttribute,
  intAttribute,
  stringAttribute,
} from "../graph/attributes.ts";
import { changeNode } from "../graph/edit.ts";
import type { Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { addNode, copyNode, transpose } from "./emit.ts";
import { gateActivation } from "./gate-activation.ts";
import { gruGradients } from "./gru-gradient.ts";
import { lstmGradients } from "./lstm-gradient.ts";
import type {
  GradientContext,
  GradientRule,
  OperatorRule,
  ShapeRule,
  TrainingForwardRule,
} from "./operator.ts";
import type { Direction, DirectionGradients } from "./recurrent-direction.ts";
import { directionsOf, inputGradients } from "./recurrent-layer.ts";
import { RNN_ACTIVATIONS, rnnGradients } from "./rnn-gradient.ts";
import { withShape } from "./shape-rules.ts";

/** (sequence, directions, batch, hidden), then the last hidden (and cell) states. */
const recurrentShape: ShapeRule = (context) => {
  const [input, weight] = [context.input(0), context.input(2)];
  if (input === undefined || weight === undefined) return [];
  const [first, second] = input.shape;
  const [directions] = weight.shape;
  const hidden = weight.shape.at(-1);
  if (
    first === undefined ||
    second === undefined ||
    directions === undefined ||
    hidden === undefined
  ) {
    return [];
  }
  const state = withShape(
    input,
    isBatchFirst(context.node) ? [first, directions, hidden] : [directions, second, hidden],
  );
  const sequence = isBatchFirst(context.node)
    ? [first, second, directions, hidden]
    : [first, directions, second, hidden];
  return [withShape(input, sequence), state, state];
};

/** Layout 1: the batch before the time and the direction. */
function isBatchFirst(node: Node): boolean {
  return intAttribute(node, "layout", 0) === 1;
}

/**
 * The runtime's own operator, which also gives every hidden state to the gradient. It knows only
 * layout 0, into which inputs and outputs of layout 1 are turned.
 */
const recurrentForward: TrainingForwardRule = (context) => {
  const { builder, node, inputs, outputs } = context;
  const [input = "", weight = "", recurrence = "", bias = "", lengths = ""] = inputs;
  const turned = (value: string) =>
    isBatchFirst(node) && value !== "" ? transpose(builder, value, [1, 0, 2]) : value;
  const [x, hidden, cell] = [turned(input), turned(inputs[5] ?? ""), turned(inputs[6] ?? "")];
  const rest = node.input.length > 7 ? [inputs[7] ?? ""] : [];
  const wanted = outputs.map((output) => (output === "" ? "" : builder.freshName(output)));
  const made = isBatchFirst(node) ? wanted : [...outputs];
  made[0] = made[0] || builder.freshName(`${node.name}_states`);
  const given = [
    x,
    weight,
    recurrence,
    bias,
    lengths,
    hidden,
    ...(node.opType === "LSTM" ? [cell, ...rest] : []),
  ];
  while (given.at(-1) === "") given.pop();
  const attribute = node.attribute.filter(({ name }) => name !== "layout");
  copyNode(builder, changeNode(node, { attribute }), given, made);
  for (const [name, value] of Object.entries({ x, hidden, cell, states: made[0] })) {
    if (value !== undefined) context.save(name, value);
  }
  if (!isBatchFirst(node)) return;
  for (const [index, output] of outputs.entries()) {
    if (output === "") continue;
    const perm = { ints: index === 0 ? [2, 0, 1, 3] : [1, 0, 2] };
    addNode(builder, "Transpose", [made[index] ?? ""], [output], { perm });
  }
};

/** What the gradient takes for granted, refused by name where a node differs. */
function checkSupported(context: GradientContext, activations: readonly string[][]): void {
  const { node } = context;
  const refuse = (what: string): never => {
    throw new InputError(`node ${node.name}: ${node.opType} with ${what} has no gradient`);
  };
  if (floatAttribute(node, "clip", 0) !== 0) refuse("the attribute clip");
  if (intAttribute(node, "input_forget", 0) !== 0) refuse("the attribute input_forget");
  const steps = context.inputShape(0)[isBatchFirst(node) ? 1 : 0];
  if ((node.input[4] ?? "") !== "") {
    const lengths = context.elements(4);
    if (lengths?.every((length) => length === steps) !== true) {
      refuse("sequence_lens that differ from the length of the sequence or are computed");
    }
  }
  const stated = activationsOf(node);
  const known = activations.some((list) =>
    stated.every((name, index) => name === list[index % list.length]),
  );
  if (!known) refuse(`the activations ${stated.join(", ")}`);
}

const ACTIVATIONS =
  "Affine Elu HardSigmoid LeakyRelu Relu ScaledTanh Sigmoid Softplus Softsign Tanh ThresholdedRelu";
const SPELLING = new Map(ACTIVATIONS.split(" ").map((name) => [name.toLowerCase(), name]));

/** As the node states them, with each name written as in ONNX; empty for the defaults. */
function activationsOf(node: Node): readonly string[] {
  const strings = findAttribute(node, "activations")?.strings ?? [];
  const names = strings.map((name) => new TextDecoder().decode(name));
  return names.map((name) => SPELLING.get(name.toLowerCase()) ?? name);
}

type CellGradients = (
  context: GradientContext,
) => (direction: Direction, index: number) => DirectionGradients;

function recurrentGradient(
  activations: readonly string[][],
  gates: number,
  cell: CellGradients,
): GradientRule {
  return (context, outputGradients) => {
    if (outputGradients.every((gradient) => gradient === undefined)) return [];
    checkSupported(context, activations);
    const layer = {
      context,
      gates,
      batchFirst: isBatchFirst(context.node),
      kind: stringAttribute(context.node, "direction", "forward"),
    };
    const directions = directionsOf(layer, outputGradients);
    return inputGradients(layer, directions, directions.map(cell(context)));
  };
}

function recurrentRule(opType: string, gradient: GradientRule): OperatorRule {
  return {
    opType,
    inferShapes: recurrentShape,
    trainingForward: recurrentForward,
    gradient,
  };
}

/** What the gates of LSTM and GRU may be; TensorFlow.js and older Keras have HardSigmoid by default. */
const GATES = ["Sigmoid", "HardSigmoid"];

export const recurrentRules: readonly OperatorRule[] = [
  recurrentRule(
    "LSTM",
    recurrentGradient(
      GATES.map((gate) => [gate, "Tanh", "Tanh"]),
      4,
      ({ node }) => {
        const [gate] = activationsOf(node);
        return (direction, index) => lstmGradients(direction, gateActivation(node, gate, index));
      },
    ),
  ),
  recurrentRule(
    "GRU",
    recurrentGradient(
      GATES.map((gate) => [gate, "Tanh"]),
      3,
      ({ node }) => {
        const [gate] = activationsOf(node);
        const linearBeforeReset = intAttribute(node, "linear_before_reset", 0) === 1;
        return (direction, index) => {
          const activation = gateActivation(node, gate, index);
          return gruGradients(direction, { activation, linearBeforeReset });
        };
      },
    ),
  ),
  recurrentRule(
    "RNN",
    recurrentGradient(
      RNN_ACTIVATIONS.map((name) => [name]),
      1,
      ({ node }) => {
        const [activation = "Tanh"] = activationsOf(node);
        return (direction, index) =>
          rnnGradients(direction, activation, gateActivation(node, activation, index));
      },
    ),
  ),
];
