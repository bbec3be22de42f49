import { intAttribute } from "../graph/attributes.ts";
import type { OperatorRule, ShapeRule } from "./operator.ts";
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
  const batchFirst = intAttribute(context.node, "layout", 0) === 1;
  const state = withShape(
    input,
    batchFirst ? [first, directions, hidden] : [directions, second, hidden],
  );
  const sequence = batchFirst
    ? [first, second, directions, hidden]
    : [first, directions, second, hidden];
  return [withShape(input, sequence), state, state];
};

export const recurrentRules: readonly OperatorRule[] = ["LSTM", "GRU", "RNN"].map((opType) => ({
  opType,
  inferShapes: recurrentShape,
}));
