/**
 * The one source of chance in NormLens: the same seed gives the same numbers on every machine.
 *
 * xoshiro128** by D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators"
 * (2018), its state filled by SplitMix32, the 32-bit form of the generator they recommend for it.
 */
export interface Random {
  /** A whole number from 0 to 2³² − 1. */
  nextUint32(): number;
  /** A number from [0, 1) with 32 random bits. */
  uniform(): number;
  /** A whole number from [0, bound), each equally likely. */
  below(bound: number): number;
  /** A number from the standard normal distribution. */
  normal(): number;
}

/**
 * @param seed any number; only its whole part modulo 2³² counts.
 * @param purpose streams of different purposes are independent of each other, so that asking for
 *   one number more in one place does not change all that follows in another.
 */
export function seededRandom(seed: number, purpose = ""): Random {
  const state = initialState(seed, purpose);
  let spareNormal: number | undefined;

  function nextUint32(): number {
    const [a, b] = [state[0] as number, state[1] as number];
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    state[2] = (state[2] as number) ^ a;
    state[3] = (state[3] as number) ^ b;
    state[1] = b ^ (state[2] as number);
    state[0] = a ^ (state[3] as number);
    state[2] = (state[2] as number) ^ shifted;
    state[3] = rotateLeft(state[3] as number, 11);
    return result;
  }

  const uniform = () => nextUint32() / 2 ** 32;

  function below(bound: number): number {
    // Numbers from the last, incomplete run of `bound` would make the small results likelier.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let value = nextUint32();
    while (value >= limit) value = nextUint32();
    return value % bound;
  }

  /** G. E. P. Box and M. E. Muller (1958): two uniform numbers make two normal ones. */
  function normal(): number {
    if (spareNormal !== undefined) {
      const value = spareNormal;
      spareNormal = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  return { nextUint32, uniform, below, normal };
}

/** Shuffles in place: every order is equally likely (Fisher–Yates). */
export function shuffle(values: Int32Array, random: Random): void {
  for (let last = values.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const value = values[last] as number;
    values[last] = values[other] as number;
    values[other] = value;
  }
}

function initialState(seed: number, purpose: string): Uint32Array {
  let mixed = Math.trunc(seed) >>> 0;
  for (const character of purpose) {
    mixed = Math.imul(mixed ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return Uint32Array.from({ length: 4 }, () => {
    mixed = (mixed + 0x9e3779b9) >>> 0;
    let word = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return word ^ (word >>> 15);
  });
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
