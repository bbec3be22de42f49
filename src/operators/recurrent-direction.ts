import type { GraphBuilder } from "../graph/builder.ts";
import { reshape, slice, sumOver, zeros } from "./emit.ts";
import { rangeOf } from "./shape-algebra.ts";

/**
 * One direction of an LSTM, GRU or RNN layer over T time steps, batch B, input size I, hidden size H,
 * with g gates. Values of all steps are (T, B, ·) in the order of time, or (T·B, ·) as rows; values of
 * one step are (1, B, ·). All by name.
 */
export interface Direction {
  readonly builder: GraphBuilder;
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  readonly gates: number;
  /** x as rows, W (g·H, I) and R (g·H, H). */
  readonly inputRows: string;
  readonly weight: string;
  readonly recurrence: string;
  /** Each of length g·H; undefined where the node has no bias. */
  readonly inputBias: string | undefined;
  readonly recurrentBias: string | undefined;
  /** Length 3·H, in the order input, output, forget. */
  readonly peepholes: string | undefined;
  /** The hidden state each step started from, (T, B, H), and the one after it. */
  readonly before: string;
  readonly after: string;
  /** The cell state before the first step. */
  readonly initialCell: string;
  /** Time indices in the order in which the layer goes through them. */
  readonly order: readonly number[];
  /** ∂L/∂h of each step by time index, from the sequence output; undefined for zero. */
  readonly outputGradients: readonly string[] | undefined;
  /** ∂L/∂h and ∂L/∂c of the last step, from the state outputs. */
  readonly lastHidden: string | undefined;
  readonly lastCell: string | undefined;
}

export interface DirectionGradients {
  /** ∂L/∂(W·x + b): rows (T·B, g·H), which give the gradients of x, W and the input's bias. */
  readonly inputSide: string;
  recurrence(): string;
  recurrentBias(): string;
  /** ∂L/∂h and ∂L/∂c before the first step. */
  readonly initialHidden: string;
  readonly initialCell?: string;
  /** Length 3·H. */
  peepholes?(): string;
}

/** Parts of equal size along an axis. */
export function split(
  builder: GraphBuilder,
  value: string,
  axis: number,
  sizes: readonly number[],
) {
  const attributes = { axis: { int: axis } };
  return builder.addMany("Split", [value, builder.ints(sizes)], sizes.length, { attributes });
}

/** (T, B, ·) as T values (1, B, ·). */
export function splitSteps({ builder, steps }: Direction, value: string): readonly string[] {
  return split(
    builder,
    value,
    0,
    rangeOf(steps).map(() => 1),
  );
}

export function concat(builder: GraphBuilder, parts: readonly string[], axis: number): string {
  if (parts.length === 1) return parts[0] as string;
  return builder.add("Concat", parts, { attributes: { axis: { int: axis } } });
}

/** (T, B, ·) or (1, B, ·) as rows. */
export function asRows(direction: Direction, value: string, width: number): string {
  return reshape(direction.builder, value, [direction.steps * direction.batch, width]);
}

export function asSteps(direction: Direction, rows: string, width: number): string {
  return reshape(direction.builder, rows, [direction.steps, direction.batch, width]);
}

/** left·rightᵀ + addend, of matrices. */
export function timesTransposed(
  builder: GraphBuilder,
  left: string,
  right: string,
  addend?: string,
): string {
  const inputs = addend === undefined ? [left, right] : [left, right, addend];
  return builder.add("Gemm", inputs, { attributes: { transB: { int: 1 } } });
}

/** leftᵀ·right, of matrices. */
export function transposedTimes(builder: GraphBuilder, left: string, right: string): string {
  return builder.add("Gemm", [left, right], { attributes: { transA: { int: 1 } } });
}

/**
 * ∂L/∂R and ∂L/∂(the recurrent bias), where every gate reads R·h₋ + b: from ∂L/∂ of that sum as rows.
 */
export function throughRecurrence(
  direction: Direction,
  rows: string,
): Pick<DirectionGradients, "recurrence" | "recurrentBias"> {
  const { builder, before, hidden } = direction;
  return {
    recurrence: () => transposedTimes(builder, rows, asRows(direction, before, hidden)),
    recurrentBias: () => sumOver(builder, rows, [0]),
  };
}

/** What each step started from: the state after the step before it, and the first the initial one. */
export function statesBefore(
  builder: GraphBuilder,
  states: string,
  initial: string,
  order: readonly number[],
): string {
  const steps = order.length;
  if (steps === 1) return initial;
  const forward = (order[0] ?? 0) === 0;
  const range = forward ? { start: 0, end: steps - 1 } : { start: 1, end: steps };
  const others = slice(builder, states, [{ axis: 0, ...range }]);
  return concat(builder, forward ? [initial, others] : [others, initial], 0);
}

/**
 * Goes back through the steps, last first.
 *
 * @param back from ∂L/∂h after a step, ∂L/∂h before it as far as it goes through the recurrence.
 * @returns ∂L/∂h before the first step.
 */
export function walkBack(
  direction: Direction,
  back: (time: number, hiddenGradient: string) => string,
): string {
  const { builder, outputGradients, batch, hidden } = direction;
  let carried = direction.lastHidden;
  for (const time of [...direction.order].reverse()) {
    const own = outputGradients?.[time];
    const parts = [own, carried].flatMap((part) => (part === undefined ? [] : [part]));
    const [first = zeros(builder, [1, batch, hidden])] = parts;
    carried = back(time, parts.length === 2 ? builder.add("Add", parts) : first);
  }
  return carried as string;
}

/** y·(1 − y), the derivative of the logistic function by its value. */
export function logisticSlope(builder: GraphBuilder, y: string): string {
  return builder.add("Mul", [y, builder.add("Sub", [builder.scalar(1), y])]);
}

/** 1 − y², the derivative of tanh by its value. */
export function tanhSlope(builder: GraphBuilder, y: string): string {
  return builder.add("Sub", [builder.scalar(1), builder.add("Mul", [y, y])]);
}
