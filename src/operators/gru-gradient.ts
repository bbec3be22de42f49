import { multiply, slice, sumOver } from "./emit.ts";
import type { GateActivation } from "./gate-activation.ts";
import {
  asRows,
  asSteps,
  concat,
  type Direction,
  type DirectionGradients,
  split,
  splitSteps,
  tanhSlope,
  throughRecurrence,
  timesTransposed,
  transposedTimes,
  walkBack,
} from "./recurrent-direction.ts";

/*
 * Gated recurrent unit (K. Cho et al., 2014) as ONNX has it, with gates in the order z, r, n:
 *
 *   z, r = σ(W·x + R·h₋ + b)   h = (1 − z)·n + z·h₋
 *   n = tanh(Wₙ·x + bₙ + r·(Rₙ·h₋ + bᵣₙ))    with linear_before_reset, as cuDNN and PyTorch
 *   n = tanh(Wₙ·x + bₙ + Rₙ·(r·h₋) + bᵣₙ)    without
 *
 * with σ the logistic function or HardSigmoid. The runtime's own GRU gives every h, so that the gates of all steps are one product; only ∂L/∂h goes
 * back step by step.
 */

export interface GruForm {
  /** σ, of the gates z and r. */
  readonly activation: GateActivation;
  readonly linearBeforeReset: boolean;
}

/** Gates of all steps, each (T, B, H). */
interface Gates {
  readonly update: string;
  readonly reset: string;
  readonly candidate: string;
  /** Rₙ·h₋ + bᵣₙ, with linear_before_reset only. */
  readonly recurrent: string;
}

/** z, r and n of (T, B, 3H). */
function parts({ builder, hidden }: Direction, value: string): readonly [string, string, string] {
  const [update = "", reset = "", candidate = ""] = split(builder, value, 2, [
    hidden,
    hidden,
    hidden,
  ]);
  return [update, reset, candidate];
}

/** Rₙ, the last third of R, of shape (H, H). */
function candidateRecurrence({ builder, hidden, recurrence }: Direction): string {
  return slice(builder, recurrence, [{ axis: 0, start: 2 * hidden, end: 3 * hidden }]);
}

function gatesOf(direction: Direction, { activation, linearBeforeReset }: GruForm): Gates {
  const { builder, hidden, recurrentBias } = direction;
  const width = 3 * hidden;
  const { inputRows, weight, inputBias } = direction;
  const fromInput = asSteps(
    direction,
    timesTransposed(builder, inputRows, weight, inputBias),
    width,
  );
  const before = asRows(direction, direction.before, hidden);
  const product = timesTransposed(builder, before, direction.recurrence, recurrentBias);
  const fromState = asSteps(direction, product, width);
  const [inputZ, inputR, inputN] = parts(direction, fromInput);
  const [stateZ, stateR, recurrent] = parts(direction, fromState);
  const gate = (left: string, right: string) =>
    activation.value(builder, builder.add("Add", [left, right]));
  const [update, reset] = [gate(inputZ, stateZ), gate(inputR, stateR)];
  const fromReset = () => {
    const weight = candidateRecurrence(direction);
    const range = { axis: 0, start: 2 * hidden, end: 3 * hidden };
    const bias = recurrentBias && slice(builder, recurrentBias, [range]);
    const kept = asRows(direction, multiply(builder, reset, direction.before), hidden);
    return asSteps(direction, timesTransposed(builder, kept, weight, bias), hidden);
  };
  const state = linearBeforeReset ? multiply(builder, reset, recurrent) : fromReset();
  const candidate = builder.add("Tanh", [builder.add("Add", [inputN, state])]);
  return { update, reset, candidate, recurrent };
}

export function gruGradients(direction: Direction, form: GruForm): DirectionGradients {
  const { builder } = direction;
  const { activation, linearBeforeReset } = form;
  const gates = gatesOf(direction, form);
  const keep = builder.add("Sub", [builder.scalar(1), gates.update]);
  const difference = builder.add("Sub", [direction.before, gates.candidate]);
  // ∂L/∂ of what enters n and z, as factors of ∂L/∂h.
  const ofCandidate = multiply(builder, keep, tanhSlope(builder, gates.candidate));
  const ofUpdate = multiply(builder, difference, activation.slope(builder, gates.update));
  const resetSlope = activation.slope(builder, gates.reset);
  const factors = { ofCandidate, ofUpdate, resetSlope };
  return linearBeforeReset
    ? throughProduct(direction, gates, factors)
    : throughReset(direction, gates, factors);
}

interface Factors {
  readonly ofCandidate: string;
  readonly ofUpdate: string;
  /** ∂r/∂ of what enters it. */
  readonly resetSlope: string;
}

/** linear_before_reset: all three gates read R·h₋, so one product leads back to h₋. */
function throughProduct(
  direction: Direction,
  gates: Gates,
  { ofCandidate, ofUpdate, resetSlope }: Factors,
): DirectionGradients {
  const { builder, hidden, recurrence } = direction;
  const slope = multiply(builder, gates.recurrent, resetSlope);
  const ofReset = multiply(builder, ofCandidate, slope);
  const ofRecurrent = multiply(builder, ofCandidate, gates.reset);
  const factorAt = splitSteps(direction, concat(builder, [ofUpdate, ofReset, ofRecurrent], 2));
  const updateAt = splitSteps(direction, gates.update);
  const [sums, hiddenGradients]: [string[], string[]] = [[], []];
  const initialHidden = walkBack(direction, (time, gradient) => {
    const sources = concat(builder, [gradient, gradient, gradient], 2);
    const sum = multiply(builder, sources, factorAt[time] ?? "");
    sums[time] = sum;
    hiddenGradients[time] = gradient;
    const kept = multiply(builder, gradient, updateAt[time] ?? "");
    return builder.add("Add", [builder.add("MatMul", [sum, recurrence]), kept]);
  });
  const all = concat(builder, sums, 0);
  const [update, reset] = parts(direction, all);
  const candidate = multiply(builder, concat(builder, hiddenGradients, 0), ofCandidate);
  const rows = asRows(direction, all, 3 * hidden);
  return {
    inputSide: asRows(direction, concat(builder, [update, reset, candidate], 2), 3 * hidden),
    ...throughRecurrence(direction, rows),
    initialHidden,
  };
}

/** Otherwise Rₙ reads r·h₋, and what comes back through it is shared between r and h₋. */
function throughReset(
  direction: Direction,
  gates: Gates,
  { ofCandidate, ofUpdate, resetSlope }: Factors,
): DirectionGradients {
  const { builder, hidden, recurrence } = direction;
  const candidateWeight = candidateRecurrence(direction);
  const gateWeight = slice(builder, recurrence, [{ axis: 0, start: 0, end: 2 * hidden }]);
  const ofReset = multiply(builder, direction.before, resetSlope);
  const at = (value: string) => splitSteps(direction, value);
  const [candidateAt, updateAt, resetAt] = [at(ofCandidate), at(ofUpdate), at(ofReset)];
  const [keptAt, sharedAt] = [at(gates.update), at(gates.reset)];
  const sums: string[] = [];
  const initialHidden = walkBack(direction, (time, gradient) => {
    const candidate = multiply(builder, gradient, candidateAt[time] ?? "");
    const shared = builder.add("MatMul", [candidate, candidateWeight]);
    const update = multiply(builder, gradient, updateAt[time] ?? "");
    const reset = multiply(builder, shared, resetAt[time] ?? "");
    const both = concat(builder, [update, reset], 2);
    sums[time] = concat(builder, [both, candidate], 2);
    return builder.add("Sum", [
      builder.add("MatMul", [both, gateWeight]),
      multiply(builder, shared, sharedAt[time] ?? ""),
      multiply(builder, gradient, keptAt[time] ?? ""),
    ]);
  });
  const rows = asRows(direction, concat(builder, sums, 0), 3 * hidden);
  return {
    inputSide: rows,
    recurrence: () => {
      const [ofGates = "", ofState = ""] = split(builder, rows, 1, [2 * hidden, hidden]);
      const before = asRows(direction, direction.before, hidden);
      const kept = asRows(direction, multiply(builder, gates.reset, direction.before), hidden);
      const products = [
        transposedTimes(builder, ofGates, before),
        transposedTimes(builder, ofState, kept),
      ];
      return concat(builder, products, 0);
    },
    recurrentBias: () => sumOver(builder, rows, [0]),
    initialHidden,
  };
}
