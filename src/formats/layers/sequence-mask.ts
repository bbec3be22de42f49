import { DataType } from "../../graph/data-type.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";
import type { RecurrentOptions, RecurrentResults } from "./recurrent.ts";

/** Behind every step that counts; sequences are far shorter. */
const BEHIND_ALL = 2 ** 30;

/** What a run of a recurrent operator gives: (time, 1, batch, units), and states (1, batch, units). */
interface Run {
  readonly every: string;
  /** The cell's state behind the last step, for an LSTM that is asked for it. */
  readonly cell: string | undefined;
}

interface MaskedOptions extends RecurrentOptions {
  readonly units: number;
  /** The state of an LSTM's cell is asked for. */
  readonly cell: boolean;
}

/**
 * A recurrent operator over the steps that count, wherever they stand. They are moved together to
 * where the operator begins; what it makes of the rest behind them is not read. With n(t) of them up
 * to step t, the state at t is that of the n(t)-th, and zeros where n(t) = 0:
 *
 * - forwards the steps that count come first; with a row of zeros in front, t reads row n(t)
 * - backwards they come last, in the same order; with a row of zeros behind, t reads row T − n(t)
 *   where n(t) counts from t to the end
 *
 * An LSTM tells the state of its cell behind the last step alone. Where that is asked for, the
 * operator is told how many steps N count: they come first in either direction, and backwards t reads
 * row N − n(t).
 *
 * @param run gives the results for a sequence (time, batch, features) and how many steps count.
 */
export function maskedRun(
  call: LayerCall,
  input: LayerValue,
  { units, ...options }: MaskedOptions,
  run: (sequence: string, lengths: string | undefined) => Run,
): RecurrentResults {
  const { backwards } = options;
  const ordered = stepsTogether(call, input, backwards && !options.cell);
  const { counts, upTo, total, steps } = ordered;
  const lengths = options.cell
    ? call.add(
        "masked/lengths",
        "Cast",
        [call.add("masked/flat_total", "Squeeze", [total, call.builder.ints([1])])],
        { to: { int: DataType.INT32 } },
      )
    : undefined;
  const { every, cell } = run(ordered.sequence, lengths);
  const rows = new ResultRows(
    call,
    every,
    backwards ? { behind: options.cell ? total : steps } : {},
  );
  const [batch = null, sizes = null] = input.shape;
  const common = { moved: false, dataType: input.dataType };
  const state = (value: string): LayerValue => ({ ...common, value, shape: [batch, units] });
  const states = (last: LayerValue) =>
    cell === undefined ? [last] : [last, state(squeezed(call, "cell", cell))];
  if (!options.sequences) {
    const result = state(rows.at("last", total));
    return { result, states: states(result) };
  }
  const { builder } = call;
  const from = { reverse: { int: 1 } };
  const here = backwards
    ? call.add("masked/from", "CumSum", [counts, builder.ints([1])], from)
    : upTo;
  let value = rows.each("sequence", here);
  if (options.zerosWhereMasked) {
    const kept = call.add("masked/kept", "Cast", [counts], { to: { int: DataType.FLOAT } });
    const factors = call.add("masked/factors", "Unsqueeze", [kept, builder.ints([2])]);
    value = call.add("zeroed", "Mul", [value, factors]);
  }
  const result = { ...common, value, shape: [batch, sizes, units] };
  return { result, states: options.states ? states(state(rows.at("last", total))) : [] };
}

function squeezed(call: LayerCall, part: string, value: string): string {
  return call.add(part, "Squeeze", [value, call.builder.ints([0])]);
}

/**
 * The steps that count moved together, (time, batch, features), as the first ones or, for a run that
 * goes backwards, as the last.
 */
function stepsTogether(call: LayerCall, input: LayerValue, last: boolean) {
  const { builder } = call;
  const { value: x, mask = "" } = call.inFileOrder(input);
  const ints = (...values: number[]) => builder.ints(values);
  const counts = call.add("masked/counts", "Cast", [mask], { to: { int: DataType.INT64 } });
  const upTo = call.add("masked/up_to", "CumSum", [counts, ints(1)]);
  const rank = call.add("masked/rank", "Mul", [upTo, counts]);
  const known = input.shape[1] ?? null;
  const steps =
    known === null
      ? call.add("masked/length", "Shape", [mask], { start: { int: 1 }, end: { int: 2 } })
      : ints(known);
  // As the last ones: steps that do not count have rank 0. As the first: those go behind all others.
  const skipped = call.add("masked/skipped", "Sub", [ints(1), counts]);
  const far = call.add("masked/far", "Mul", [skipped, ints(BEHIND_ALL)]);
  const key = last ? rank : call.add("masked/key", "Add", [rank, far]);
  const stem = call.path.join("/");
  const [sorted, order] = [builder.freshName(`${stem}/sorted`), builder.freshName(`${stem}/order`)];
  call.addNode({
    part: "masked/order",
    opType: "TopK",
    inputs: [key, steps],
    outputs: [sorted, order],
    attributes: { axis: { int: 1 }, largest: { int: 0 } },
  });
  const rows = call.add("masked/rows", "Unsqueeze", [order, ints(2)]);
  const together = rowsOf(call, "masked/together", x, rows);
  const swap = { perm: { ints: [1, 0, 2] } };
  const sequence = call.add("masked/sequence", "Transpose", [together], swap);
  const total = call.add("masked/total", "ReduceSum", [counts, ints(1)]);
  return { counts, upTo, total, steps, sequence };
}

function rowsOf(call: LayerCall, part: string, data: string, rows: string): string {
  return call.add(part, "GatherND", [data, rows], { batch_dims: { int: 1 } });
}

/** The results (time, 1, batch, units) by how many steps that count they stand behind; zeros for none. */
class ResultRows {
  readonly #padded: string;

  /** @param end backwards, the count that the last row stands behind. */
  constructor(
    readonly call: LayerCall,
    every: string,
    readonly end: { readonly behind?: string },
  ) {
    const plain = call.add("masked/results", "Squeeze", [every, call.builder.ints([1])]);
    const swap = { perm: { ints: [1, 0, 2] } };
    const results = call.add("masked/by_sample", "Transpose", [plain], swap);
    const pads = call.builder.ints(
      end.behind === undefined ? [0, 1, 0, 0, 0, 0] : [0, 0, 0, 0, 1, 0],
    );
    this.#padded = call.add("masked/padded", "Pad", [results, pads]);
  }

  /** One row for each sample, from counts (batch, 1). */
  at(part: string, count: string): string {
    return rowsOf(this.call, part, this.#padded, this.#row("masked/last_row", count));
  }

  /** One row for each step, from counts (batch, time). */
  each(part: string, counts: string): string {
    const rows = this.#row("masked/here", counts);
    const column = this.call.add("masked/places", "Unsqueeze", [rows, this.call.builder.ints([2])]);
    return rowsOf(this.call, part, this.#padded, column);
  }

  #row(part: string, count: string): string {
    const { behind } = this.end;
    return behind === undefined ? count : this.call.add(part, "Sub", [behind, count]);
  }
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
