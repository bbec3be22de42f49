import type { LayerCall, WeightUse } from "./layer-call.ts";
import { knownSize } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import { DIFFERING_MASKS, type LayerValue } from "./layer-value.ts";
import {
  activationAttributes,
  CELL_CLASSES,
  type Cell,
  cellOf,
  gateBias,
  gateKernel,
} from "./recurrent-cell.ts";
import { maskedRun } from "./sequence-mask.ts";
import { reshaped } from "./weight-layout.ts";
import { shapeText } from "./window.ts";

/** What one run of a recurrent operator gives; (time, batch, units) or (batch, units). */
export interface RecurrentResults {
  /** The result for each step in the order of time, or the last one. */
  readonly result: LayerValue;
  readonly states: readonly LayerValue[];
}

export interface RecurrentOptions {
  readonly sequences: boolean;
  readonly states: boolean;
  /** Steps are taken from the last to the first. */
  readonly backwards: boolean;
  /** What a step that does not count gives: zeros, in place of the step before it. */
  readonly zerosWhereMasked: boolean;
}

/**
 * Runs the operator of a recurrent layer over (batch, time, features). Steps that a mask leaves out
 * keep the state of the step before.
 */
export function runRecurrent(call: LayerCall, options: RecurrentOptions): RecurrentResults {
  const cell = cellOf(call.layer.className);
  if (cell === undefined) {
    call.cannotExpress(`NormLens does not know the recurrent class ${call.layer.className}`);
  }
  const known = cell as Cell;
  for (const field of ["stateful", "time_major"]) {
    if (call.fields.boolean(field, false)) call.cannotExpress(`it is ${field}`);
  }
  const [input, ...initial] = call.inputs as [LayerValue, ...LayerValue[]];
  if (input.shape.length !== 3) {
    call.refuse(`its input has shape [${shapeText(input.shape)}]; 3 axes are needed`);
  }
  if (initial.length !== 0 && initial.length !== known.states) {
    call.refuse(`it gets ${initial.length} initial states and has ${known.states}`);
  }
  const { attributes, weights } = parametersOf(call, known, input, options);
  const starts = initial.map((state, index) =>
    call.add(`start${index}`, "Unsqueeze", [state.value, call.builder.ints([0])]),
  );
  const run = (sequence: string, wanted: readonly boolean[], lengths = ""): string[] => {
    const outputs = wanted.map((each, index) =>
      each ? call.builder.freshName(`${call.path.join("/")}/output${index}`) : "",
    );
    while (outputs.at(-1) === "") outputs.pop();
    const inputs = [sequence, ...weights, lengths, ...starts];
    call.addNode({ part: "main", opType: known.opType, inputs, outputs, attributes });
    return outputs;
  };
  const units = call.fields.size("units");
  if (input.mask !== undefined) {
    if (input.mask === DIFFERING_MASKS) call.cannotExpress("its input is masked in several ways");
    if (starts.length > 0) call.cannotExpress("it has initial states and a masked input");
    const cell = options.states && known.states > 1;
    return maskedRun(call, input, { ...options, cell, units }, (sequence, lengths) => {
      const [every = "", , state] = run(sequence, [true, false, cell], lengths);
      return { every, cell: state };
    });
  }
  return plainRun(call, known, input, units, options, run);
}

function plainRun(
  call: LayerCall,
  cell: Cell,
  input: LayerValue,
  units: number,
  options: RecurrentOptions,
  run: (sequence: string, wanted: readonly boolean[]) => string[],
): RecurrentResults {
  const { sequences, states } = options;
  const last = !sequences || states;
  const wanted = [sequences, last, states && cell.states > 1];
  const [every = "", hidden = "", cellState = ""] = run(call.timeFirst(input), wanted);
  const [batch = null, steps = null] = input.shape;
  const common = { moved: false, dataType: input.dataType };
  const state = (part: string, value: string): LayerValue => ({
    ...common,
    value: call.add(part, "Squeeze", [value, call.builder.ints([0])]),
    shape: [batch, units],
  });
  const final = last ? [state("last", hidden)] : [];
  const rest = states && cell.states > 1 ? [state("cell", cellState)] : [];
  if (!sequences) return { result: final[0] as LayerValue, states: [...final, ...rest] };
  const value = call.add("sequence", "Squeeze", [every, call.builder.ints([1])]);
  const result = { ...common, value, shape: [batch, steps, units], timeFirst: true };
  return { result, states: [...final, ...rest] };
}

/** Weights with the gates in the order of ONNX, and the attributes of the operator. */
function parametersOf(
  call: LayerCall,
  cell: Cell,
  input: LayerValue,
  { backwards }: RecurrentOptions,
) {
  const units = call.fields.size("units");
  const width = cell.gates.length * units;
  const features = knownSize(call, input.shape[2], "the number of its input's features");
  const layout = gateKernel(cell);
  const resetAfter = cell.opType === "GRU" && call.fields.boolean("reset_after", false);
  const attributes = {
    hidden_size: { int: units },
    ...(backwards ? { direction: { string: "reverse" } } : {}),
    ...(resetAfter ? { linear_before_reset: { int: 1 } } : {}),
    ...activationAttributes(call, cell),
  };
  const kernel = call.weight("kernel", [features, width], { layout });
  const recurrent = call.weight("recurrent_kernel", [units, width], { layout });
  const bias = resetAfter
    ? call.weight("bias", [2, width], { flag: "use_bias", layout: reshaped(() => [1, 2 * width]) })
    : paddedBias(call, cell, width);
  return { attributes, weights: [kernel, recurrent, bias] as const };
}

/** ONNX adds a bias for the input and one for the state, Keras one: the other is zeros. */
function paddedBias(call: LayerCall, cell: Cell, width: number): string | WeightUse {
  const bias = call.weight("bias", [width], { flag: "use_bias", layout: gateBias(cell) });
  if (bias.value === "") return "";
  const zeros = call.fixed("no_recurrent_bias", [1, width], new Array<number>(width).fill(0));
  return call.add("bias", "Concat", [bias, zeros], { axis: { int: 1 } });
}

/** LSTM, GRU and SimpleRNN: with go_backwards the steps' results are in the order they were made in. */
function recurrent(call: LayerCall): readonly LayerValue[] {
  const { fields } = call;
  const sequences = fields.boolean("return_sequences", false);
  const withStates = fields.boolean("return_state", false);
  const backwards = fields.boolean("go_backwards", false);
  const { result, states } = runRecurrent(call, {
    sequences,
    states: withStates,
    backwards,
    zerosWhereMasked: fields.boolean("zero_output_for_mask", false),
  });
  const value = sequences && backwards ? reversedInTime(call, result) : result;
  const [input] = call.inputs;
  const kept = { ...value, mask: sequences ? input?.mask : undefined };
  return withStates ? [kept, ...states] : [kept];
}

/** The steps from the last to the first. */
export function reversedInTime(call: LayerCall, sequence: LayerValue): LayerValue {
  const { builder } = call;
  const axis = sequence.timeFirst ? 0 : 1;
  const [from, to] = [builder.ints([-1]), builder.ints([-(2 ** 31) + 1])];
  const inputs = [sequence.value, from, to, builder.ints([axis]), builder.ints([-1])];
  return { ...sequence, value: call.add("reversed", "Slice", inputs) };
}

export const recurrentLayers: readonly LayerRule[] = [
  {
    classNames: CELL_CLASSES,
    build: recurrent,
    keepsMask: true,
    anyTimeOrder: true,
    tensorArguments: ["initial_state"],
  },
];
