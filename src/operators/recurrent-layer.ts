import { reshape, slice, sumOver, transpose, zeros } from "./emit.ts";
import type { GradientContext } from "./operator.ts";
import {
  concat,
  type Direction,
  type DirectionGradients,
  split,
  statesBefore,
  transposedTimes,
} from "./recurrent-direction.ts";
import { rangeOf } from "./shape-algebra.ts";

/** A recurrent node, whose directions (one or two) are independent of each other. */
export interface RecurrentLayer {
  readonly context: GradientContext;
  readonly gates: number;
  readonly batchFirst: boolean;
  /** "forward", "reverse" or "bidirectional". */
  readonly kind: string;
}

interface Sizes {
  readonly steps: number;
  readonly batch: number;
  readonly input: number;
  readonly directions: number;
  readonly hidden: number;
}

function sizesOf({ context, batchFirst }: RecurrentLayer): Sizes {
  const [first = 1, second = 1, input = 1] = context.inputShape(0);
  const [directions = 1, , hidden = 1] = context.inputShape(2);
  const [steps, batch] = batchFirst ? [second, first] : [first, second];
  return { steps, batch, input, directions, hidden };
}

/** The part of a stack (D, …) that belongs to one direction, in the shape `rest`. */
function partOf(
  layer: RecurrentLayer,
  stack: string,
  direction: number,
  rest: readonly number[],
): string {
  const { builder } = layer.context;
  const { directions } = sizesOf(layer);
  const range = { axis: 0, start: direction, end: direction + 1 };
  return reshape(builder, directions === 1 ? stack : slice(builder, stack, [range]), rest);
}

/** States of layout 0: (D, B, H). */
function turned(layer: RecurrentLayer, value: string | undefined): string | undefined {
  if (value === undefined || !layer.batchFirst) return value;
  return transpose(layer.context.builder, value, [1, 0, 2]);
}

export function directionsOf(
  layer: RecurrentLayer,
  outputGradients: readonly (string | undefined)[],
): readonly Direction[] {
  const { context, gates } = layer;
  const { builder, inputs } = context;
  const { steps, batch, input, directions, hidden } = sizesOf(layer);
  const [sequence, lastHidden, lastCell] = outputGradients;
  // Of (T, D, B, H), or (B, T, D, H) in layout 1, to (D, T, B, H).
  const stacked = (value: string, batchFirst: boolean) =>
    transpose(builder, value, batchFirst ? [2, 1, 0, 3] : [1, 0, 2, 3]);
  const states = stacked(context.saved("states"), false);
  const gradients = sequence === undefined ? undefined : stacked(sequence, layer.batchFirst);
  const inputRows = reshape(builder, context.saved("x"), [steps * batch, input]);
  const stepSizes = rangeOf(steps).map(() => 1);
  return rangeOf(directions).map((index): Direction => {
    const part = (value: string, rest: readonly number[]) => partOf(layer, value, index, rest);
    const state = (value: string | undefined) =>
      value === undefined ? undefined : part(value, [1, batch, hidden]);
    const initial = (name: string) => {
      const value = context.saved(name);
      return value === "" ? zeros(builder, [1, batch, hidden]) : part(value, [1, batch, hidden]);
    };
    const backwards = layer.kind === "reverse" || index === 1;
    const order = backwards ? rangeOf(steps).reverse() : rangeOf(steps);
    const bias = inputs[3] ? part(inputs[3], [2 * gates * hidden]) : undefined;
    const widths = [gates * hidden, gates * hidden];
    const halves = bias === undefined ? undefined : split(builder, bias, 0, widths);
    const after = part(states, [steps, batch, hidden]);
    return {
      builder,
      steps,
      batch,
      hidden,
      gates,
      inputRows,
      weight: part(inputs[1] ?? "", [gates * hidden, input]),
      recurrence: part(inputs[2] ?? "", [gates * hidden, hidden]),
      inputBias: halves?.[0],
      recurrentBias: halves?.[1],
      peepholes: inputs[7] ? part(inputs[7], [3 * hidden]) : undefined,
      before: statesBefore(builder, after, initial("hidden"), order),
      after,
      initialCell: initial("cell"),
      order,
      outputGradients:
        gradients === undefined
          ? undefined
          : split(builder, part(gradients, [steps, batch, hidden]), 0, stepSizes),
      lastHidden: state(turned(layer, lastHidden)),
      lastCell: state(turned(layer, lastCell)),
    };
  });
}

/** The gradients of the node's inputs X, W, R, B, (sequence_lens), initial_h, initial_c and P. */
export function inputGradients(
  layer: RecurrentLayer,
  directions: readonly Direction[],
  gradients: readonly DirectionGradients[],
): readonly (string | undefined)[] {
  const { context, gates, batchFirst } = layer;
  const { builder } = context;
  const { steps, batch, input, hidden } = sizesOf(layer);
  const stack = (
    index: number,
    part: (each: DirectionGradients, direction: Direction) => string,
  ) => {
    if (!context.needs(index)) return undefined;
    const shape = context.inputShape(index);
    const turns = batchFirst && (index === 5 || index === 6);
    const [first = 1, second = 1, ...rest] = shape;
    const target = turns ? [second, first, ...rest] : shape;
    const parts = gradients.map((each, position) =>
      reshape(builder, part(each, directions[position] as Direction), [1, ...target.slice(1)]),
    );
    const whole = concat(builder, parts, 0);
    return turns ? transpose(builder, whole, [1, 0, 2]) : whole;
  };
  const ofInput = () => {
    const parts = gradients.map((each, position) =>
      builder.add("MatMul", [each.inputSide, directions[position]?.weight ?? ""]),
    );
    const sum = parts.length === 1 ? (parts[0] ?? "") : builder.add("Add", parts);
    const whole = reshape(builder, sum, [steps, batch, input]);
    return batchFirst ? transpose(builder, whole, [1, 0, 2]) : whole;
  };
  const width = [gates * hidden];
  return [
    context.needs(0) ? ofInput() : undefined,
    stack(1, (each, { inputRows }) => transposedTimes(builder, each.inputSide, inputRows)),
    stack(2, (each) => each.recurrence()),
    stack(3, (each) => {
      const sides = [sumOver(builder, each.inputSide, [0]), each.recurrentBias()];
      return concat(
        builder,
        sides.map((side) => reshape(builder, side, width)),
        0,
      );
    }),
    undefined,
    stack(5, (each) => each.initialHidden),
    stack(6, (each) => each.initialCell ?? zeros(builder, [1, batch, hidden])),
    stack(7, (each) => each.peepholes?.() ?? zeros(builder, [3 * hidden])),
  ];
}
