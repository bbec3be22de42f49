import { DataType } from "../../graph/data-type.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";
import type { RecurrentOptions, RecurrentResults } from "./recurrent.ts";

/** Behind every step that counts; sequences are far shorter. */
const BEHIND_ALL = 2 ** 30;

/**
 * A recurrent operator over the steps that count, wherever they stand. They are moved together to
 * where the operator begins; what it makes of the rest behind them is not read. With n(t) of them up
 * to step t, the state at t is that of the n(t)-th, and zeros where n(t) = 0:
 *
 * - forwards the steps that count come first; with a row of zeros in front, t reads row n(t)
 * - backwards they come last, in the same order; with a row of zeros behind, t reads row T − n(t)
 *   where n(t) counts from t to the end
 *
 * @param run gives the results (time, 1, batch, units) for a sequence (time, batch, features).
 */
export function maskedRun(
  call: LayerCall,
  input: LayerValue,
  units: number,
  options: RecurrentOptions,
  run: (sequence: string) => string,
): RecurrentResults {
  const { builder } = call;
  const { backwards } = options;
  const { value: x, mask = "" } = call.inFileOrder(input);
  const [batch = null, steps = null] = input.shape;
  const ints = (...values: number[]) => builder.ints(values);
  const cast = (part: string, to: DataType) => call.add(part, "Cast", [mask], { to: { int: to } });
  const counts = cast("masked/counts", DataType.INT64);
  const upTo = call.add("masked/up_to", "CumSum", [counts, ints(1)]);
  const rank = call.add("masked/rank", "Mul", [upTo, counts]);
  const length =
    steps === null
      ? call.add("masked/length", "Shape", [mask], { start: { int: 1 }, end: { int: 2 } })
      : ints(steps);
  // Forwards, steps that do not count go behind all others; backwards they have rank 0.
  const skipped = call.add("masked/skipped", "Sub", [ints(1), counts]);
  const far = call.add("masked/far", "Mul", [skipped, ints(BEHIND_ALL)]);
  const key = backwards ? rank : call.add("masked/key", "Add", [rank, far]);
  const stem = call.path.join("/");
  const [sorted, order] = [builder.freshName(`${stem}/sorted`), builder.freshName(`${stem}/order`)];
  call.addNode({
    part: "masked/order",
    opType: "TopK",
    inputs: [key, length],
    outputs: [sorted, order],
    attributes: { axis: { int: 1 }, largest: { int: 0 } },
  });
  const gathered = (part: string, data: string, rows: string) =>
    call.add(part, "GatherND", [data, rows], { batch_dims: { int: 1 } });
  const column = (part: string, rows: string) => call.add(part, "Unsqueeze", [rows, ints(2)]);
  const together = gathered("masked/together", x, column("masked/rows", order));
  const swap = { perm: { ints: [1, 0, 2] } };
  const every = run(call.add("masked/sequence", "Transpose", [together], swap));
  const plain = call.add("masked/results", "Squeeze", [every, ints(1)]);
  const results = call.add("masked/by_sample", "Transpose", [plain], swap);
  const pads = backwards ? ints(0, 0, 0, 0, 1, 0) : ints(0, 1, 0, 0, 0, 0);
  const padded = call.add("masked/padded", "Pad", [results, pads]);
  const row = (part: string, count: string) =>
    backwards ? call.add(part, "Sub", [length, count]) : count;
  const total = call.add("masked/total", "ReduceSum", [counts, ints(1)]);
  const common = { moved: false, dataType: input.dataType };
  const last = (): LayerValue => ({
    ...common,
    value: gathered("last", padded, row("masked/last_row", total)),
    shape: [batch, units],
  });
  if (!options.sequences) {
    const result = last();
    return { result, states: [result] };
  }
  const countsHere = backwards
    ? call.add("masked/from", "CumSum", [counts, ints(1)], { reverse: { int: 1 } })
    : upTo;
  const rows = column("masked/places", row("masked/here", countsHere));
  let value = gathered("sequence", padded, rows);
  if (options.zerosWhereMasked) {
    const factors = column("masked/factors", cast("masked/kept", DataType.FLOAT));
    value = call.add("zeroed", "Mul", [value, factors]);
  }
  const result = { ...common, value, shape: [batch, steps, units] };
  return { result, states: options.states ? [last()] : [] };
}

/** Steps whose features all are mask_value do not count, and are zeros from here on. */
function masking(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const { builder } = call;
  const ignored = builder.scalar(call.fields.number("mask_value", 0));
  const cast = (part: string, value: string, to: DataType) =>
    call.add(part, "Cast", [value], { to: { int: to } });
  const same = call.add("same", "Equal", [input.value, ignored]);
  const differs = cast("differs", call.add("other", "Not", [same]), DataType.FLOAT);
  const counts = call.add("counts", "ReduceMax", [differs], { axes: { ints: [-1] } });
  const value = call.add("main", "Mul", [input.value, counts]);
  const flat = call.add("mask/flat", "Squeeze", [counts, builder.ints([-1])]);
  return { ...input, value, mask: cast("mask/main", flat, DataType.BOOL) };
}

export const maskingLayers: readonly LayerRule[] = [
  { classNames: ["Masking"], build: masking, keepsMask: true },
];
