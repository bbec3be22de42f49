import type { RuntimeType } from "../../runtime/runtime.ts";
import type { Comparison } from "./compare.ts";

/**
 * What rounding alone explains is measured on the original model: every stored number and every
 * input moves by one unit in its last place, up or down at random,
 * linear operators are rescaled by random factors and back (rescale.ts), and the original is run again. A correct
 * rewrite does no more than that: it rounds each stored number once (half a unit) and has the sums
 * rounded differently.
 *
 * This is backward error analysis by experiment; it follows the model's own conditioning, so a deep
 * network or one that cancels large numbers gets the tolerance that its arithmetic deserves and no
 * other one does. Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd
 * edition, sections 1.5 and 3.1.
 */

/**
 * How many times the measured rounding a right rewrite may differ. Two runs that each err by the
 * measured amount differ by twice as much, and one draw seldom shows the most. Right folds of the
 * networks this was tuned on (ResNet-18 and -50, MobileNetV2) use up to 0.7 of the tolerance, a
 * channel that is off by 1 % some thousand times as much.
 */
const SAFETY = 4;

/** Units of the channel's own scale on top: the last operation rounds even where a draw is lucky. */
const FLOOR_UNITS = 4;

/**
 * Units of the whole tensor's scale on top: a channel that cancels to nothing in the original is
 * not compared with exactly nothing.
 */
const SHARED_FLOOR_UNITS = 0.01;

/**
 * The share of its scale up to which the changed form's own rounding explains a difference. With
 * the factor of safety that is a tenth of the 1 % at which a wrong weight is to be found.
 */
const MOST_EXPLAINED_SHARE = 2 ** -12;

/** Distance from 1 to the next larger number, by type. Whole numbers have none. */
const UNITS: Partial<Record<RuntimeType, number>> = {
  float16: 2 ** -10,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/** One draw of a few elements says little; below this many the worst channel speaks for all. */
const RELIABLE_ELEMENTS = 32;

/** A channel that varies less than this share of its scale is one number, however often repeated. */
const VARIED_SHARE = 2 ** -10;

/**
 * The largest difference that rounding explains in each channel.
 *
 * @param measured the original against its moved copies, one comparison a draw.
 * @param constant the input was constant, so that a channel's elements are copies of few values.
 */
export function explainedByRounding(
  measured: readonly Comparison[],
  channels: number,
  constant: boolean,
): Float64Array {
  const explained = new Float64Array(channels);
  for (const { difference } of measured) {
    for (let c = 0; c < channels; c++) {
      const value = difference[c] as number;
      if (Number.isFinite(value)) explained[c] = Math.max(explained[c] as number, value);
    }
  }
  const first = measured[0];
  if (first === undefined) return explained;
  const few = constant || first.elementsPerChannel < RELIABLE_ELEMENTS;
  const worst = explained.reduce((a, b) => Math.max(a, b), 0);
  return explained.map((value, c) => {
    const varied = (first.range[c] as number) > (first.scale[c] as number) * VARIED_SHARE;
    return few || !varied ? worst : value;
  });
}

/**
 * What the changed form adds to it, where it is another sum of larger numbers that cancel, as a
 * whitening and its inverse are. It counts up to a share of the channel's scale, so that a wrong
 * form cannot excuse itself.
 */
export function explainedByChangedForm(
  original: Float64Array,
  changed: { readonly moved: readonly Comparison[]; readonly scale: Float64Array },
  constant: boolean,
): Float64Array {
  const explained = explainedByRounding(changed.moved, original.length, constant);
  return original.map((value, channel) => {
    const most = MOST_EXPLAINED_SHARE * (changed.scale[channel] as number);
    return Math.max(value, Math.min(explained[channel] as number, most));
  });
}

/**
 * The same for a trial on which no moved copy ran: the largest share of its scale that rounding
 * moved the whole tensor by on another one, in every channel.
 */
export function explainedElsewhere(
  measured: readonly Comparison[],
  scale: Float64Array,
): Float64Array {
  const share = measured.reduce((most, comparison) => {
    const next = largestFinite(comparison.difference) / largestFinite(comparison.scale);
    return Number.isFinite(next) ? Math.max(most, next) : most;
  }, 0);
  return new Float64Array(scale.length).fill(share * largestFinite(scale));
}

function largestFinite(values: Float64Array): number {
  return values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, value) : most), 0);
}

/** The difference up to which two channels count as equal. */
export function toleranceOf(
  explained: number,
  channelScale: number,
  tensorScale: number,
  type: RuntimeType,
): number {
  const floor = FLOOR_UNITS * channelScale + SHARED_FLOOR_UNITS * tensorScale;
  return SAFETY * explained + floor * (UNITS[type] ?? 0);
}
