/** Zero crossings of the low-pass on either side; more make its edge steeper. */
const CROSSINGS = 32;

/** The edge of the low-pass lies this far below half the lower rate, so that it is down where images begin. */
const ROLL_OFF = 0.95;

/**
 * A sound at another rate, by a low-pass below half the lower of the two (J. O. Smith, "Digital Audio
 * Resampling", 2002):
 *
 *   y(k) = Σₙ x(n)·h(k·from/to − n),   h(t) = c·sinc(c·t)·w(t·c/Z),   c = ROLL_OFF·min(1, to/from)
 *
 * with Hann's window w(u) = cos²(πu/2) for |u| ≤ 1, Z crossings on either side, and h scaled to a sum of 1, so
 * that silence and a constant stay what they are.
 *
 * @param from samples a second before, and `to` after; whole numbers.
 */
export function resample(values: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return values;
  const divisor = greatestCommonDivisor(from, to);
  const [step, phases] = [from / divisor, to / divisor];
  const cutoff = ROLL_OFF * Math.min(1, to / from);
  const reach = Math.ceil(CROSSINGS / cutoff);
  const kernels = new Map<number, Float64Array>();
  const result = new Float32Array(Math.ceil((values.length * to) / from));
  for (let index = 0; index < result.length; index++) {
    const centre = Math.floor((index * step) / phases);
    const phase = (index * step) % phases;
    let kernel = kernels.get(phase);
    if (kernel === undefined) {
      kernel = kernelAt(phase / phases, cutoff, reach);
      kernels.set(phase, kernel);
    }
    let sum = 0;
    const first = Math.max(0, reach - 1 - centre);
    const last = Math.min(kernel.length, values.length - centre + reach - 1);
    for (let tap = first; tap < last; tap++) {
      sum += (kernel[tap] as number) * (values[centre - reach + 1 + tap] as number);
    }
    result[index] = sum;
  }
  return result;
}

/** h at the inputs around an output that lies `fraction` behind one of them. */
function kernelAt(fraction: number, cutoff: number, reach: number): Float64Array {
  const kernel = new Float64Array(2 * reach);
  let sum = 0;
  for (let tap = 0; tap < kernel.length; tap++) {
    const distance = cutoff * (fraction + reach - 1 - tap);
    const window =
      Math.abs(distance) <= CROSSINGS ? Math.cos((Math.PI * distance) / (2 * CROSSINGS)) ** 2 : 0;
    const sinc = distance === 0 ? 1 : Math.sin(Math.PI * distance) / (Math.PI * distance);
    kernel[tap] = cutoff * sinc * window;
    sum += kernel[tap] as number;
  }
  return kernel.map((weight) => weight / sum);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
