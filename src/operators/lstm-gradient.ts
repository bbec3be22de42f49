import { multiply, sumOver, zeros } from "./emit.ts";
import type { GateActivation } from "./gate-activation.ts";
import {
  asRows,
  asSteps,
  concat,
  type Direction,
  type DirectionGradients,
  split,
  splitSteps,
  statesBefore,
  tanhSlope,
  throughRecurrence,
  timesTransposed,
  walkBack,
} from "./recurrent-direction.ts";

/*
 * Long short-term memory as ONNX has it (S. Hochreiter and J. Schmidhuber, 1997; peepholes p: F. Gers
 * and J. Schmidhuber, 2000), with gates in the order i, o, f, c:
 *
 *   i = σ(zᵢ + pᵢ·c₋)   f = σ(z_f + p_f·c₋)   c̃ = tanh z_c   c = f·c₋ + i·c̃
 *   o = σ(zₒ + pₒ·c)    h = o·tanh c          z = W·x + R·h₋ + b
 *
 * with σ the logistic function or HardSigmoid. The runtime's own LSTM gives every h, so that z of all steps is one product. Only the cells, and on
 * the way back ∂L/∂h and ∂L/∂c, go step by step, with about nine nodes a step.
 */

/** Gates and cells of all steps, each (T, B, H). */
interface Gates {
  readonly input: string;
  readonly output: string;
  readonly forget: string;
  readonly candidate: string;
  readonly cell: string;
}

function preActivations(direction: Direction): string {
  const { builder, inputBias, recurrentBias, hidden } = direction;
  const bias =
    inputBias === undefined || recurrentBias === undefined
      ? undefined
      : builder.add("Add", [inputBias, recurrentBias]);
  const fromInput = timesTransposed(builder, direction.inputRows, direction.weight, bias);
  const before = asRows(direction, direction.before, hidden);
  return timesTransposed(builder, before, direction.recurrence, fromInput);
}

function gatesOf(direction: Direction, activation: GateActivation): Gates {
  const { builder, hidden } = direction;
  const rows = preActivations(direction);
  if (direction.peepholes !== undefined) {
    return peepholeGates(direction, activation, rows, direction.peepholes);
  }
  const [gates = "", candidateRows = ""] = split(builder, rows, 1, [3 * hidden, hidden]);
  const steps = asSteps(direction, activation.value(builder, gates), 3 * hidden);
  const [input = "", output = "", forget = ""] = split(builder, steps, 2, [hidden, hidden, hidden]);
  const candidate = asSteps(direction, builder.add("Tanh", [candidateRows]), hidden);
  const written = splitSteps(direction, multiply(builder, input, candidate));
  const kept = splitSteps(direction, forget);
  const cells: string[] = [];
  let cell = direction.initialCell;
  for (const time of direction.order) {
    cell = builder.add("Add", [multiply(builder, kept[time] ?? "", cell), written[time] ?? ""]);
    cells[time] = cell;
  }
  return { input, output, forget, candidate, cell: concat(builder, cells, 0) };
}

/** With peepholes the gates of a step read its cells, so all of them go step by step. */
function peepholeGates(
  direction: Direction,
  activation: GateActivation,
  rows: string,
  peepholes: string,
): Gates {
  const { builder, hidden } = direction;
  const widths = [hidden, hidden, hidden];
  const [ofInput = "", ofOutput = "", ofForget = ""] = split(builder, peepholes, 0, widths);
  const steps = splitSteps(direction, asSteps(direction, rows, 4 * hidden));
  const gate = (sum: string, weight: string, cell: string) =>
    activation.value(builder, builder.add("Add", [sum, multiply(builder, weight, cell)]));
  const found = direction.order.map(() => ["", "", "", "", ""]);
  let cell = direction.initialCell;
  for (const time of direction.order) {
    const [i = "", o = "", f = "", c = ""] = split(builder, steps[time] ?? "", 2, [
      ...widths,
      hidden,
    ]);
    const input = gate(i, ofInput, cell);
    const forget = gate(f, ofForget, cell);
    const candidate = builder.add("Tanh", [c]);
    const parts = [multiply(builder, forget, cell), multiply(builder, input, candidate)];
    cell = builder.add("Add", parts);
    found[time] = [input, gate(o, ofOutput, cell), forget, candidate, cell];
  }
  const all = (index: number) =>
    concat(
      builder,
      found.map((values) => values[index] ?? ""),
      0,
    );
  return { input: all(0), output: all(1), forget: all(2), candidate: all(3), cell: all(4) };
}

/** ∂L/∂z = [∂c·c̃·i′, ∂h·tanh(c)·o′, ∂c·c₋·f′, ∂c·i·c̃′], where all but ∂h and ∂c is known at once. */
export function lstmGradients(
  direction: Direction,
  activation: GateActivation,
): DirectionGradients {
  const { builder, hidden, peepholes } = direction;
  const gates = gatesOf(direction, activation);
  const before = statesBefore(builder, gates.cell, direction.initialCell, direction.order);
  const squashed = builder.add("Tanh", [gates.cell]);
  const ofInput = multiply(builder, gates.candidate, activation.slope(builder, gates.input));
  const ofOutput = multiply(builder, squashed, activation.slope(builder, gates.output));
  const ofForget = multiply(builder, before, activation.slope(builder, gates.forget));
  const ofCandidate = multiply(builder, gates.input, tanhSlope(builder, gates.candidate));
  let fromHidden = multiply(builder, gates.output, tanhSlope(builder, squashed));
  let toPrevious = gates.forget;
  if (peepholes !== undefined) {
    // The cells also reach the loss through the gates that look at them.
    const [pi = "", po = "", pf = ""] = split(builder, peepholes, 0, [hidden, hidden, hidden]);
    fromHidden = builder.add("Add", [fromHidden, multiply(builder, ofOutput, po)]);
    const through = [multiply(builder, ofInput, pi), multiply(builder, ofForget, pf)];
    toPrevious = builder.add("Sum", [toPrevious, ...through]);
  }
  const factors = concat(builder, [ofInput, ofOutput, ofForget, ofCandidate], 2);
  const [factorAt, fromHiddenAt, toPreviousAt] = [factors, fromHidden, toPrevious].map((value) =>
    splitSteps(direction, value),
  );
  const sums: string[] = [];
  let cellCarried = direction.lastCell;
  const initialHidden = walkBack(direction, (time, hiddenGradient) => {
    const fromOutput = multiply(builder, hiddenGradient, fromHiddenAt?.[time] ?? "");
    const cell =
      cellCarried === undefined ? fromOutput : builder.add("Add", [fromOutput, cellCarried]);
    const sources = concat(builder, [cell, hiddenGradient, cell, cell], 2);
    const sum = multiply(builder, sources, factorAt?.[time] ?? "");
    sums[time] = sum;
    cellCarried = multiply(builder, cell, toPreviousAt?.[time] ?? "");
    return builder.add("MatMul", [sum, direction.recurrence]);
  });
  const all = concat(builder, sums, 0);
  const rows = asRows(direction, all, 4 * hidden);
  return {
    inputSide: rows,
    ...throughRecurrence(direction, rows),
    initialHidden,
    initialCell: cellCarried ?? zeros(builder, [1, direction.batch, hidden]),
    peepholes: () => {
      const [i = "", o = "", f = ""] = split(builder, all, 2, [hidden, hidden, hidden, hidden]);
      const seen = [
        multiply(builder, i, before),
        multiply(builder, o, gates.cell),
        multiply(builder, f, before),
      ];
      return concat(
        builder,
        seen.map((value) => sumOver(builder, value, [0, 1])),
        0,
      );
    },
  };
}
