import { createHash } from "node:crypto";

/** Rows whose samples are the same to the bit, in sets of two and more; rows in a set ascend. */
export type EqualSamples = readonly (readonly number[])[];

/**
 * Finds equal samples among so many that only a digest of each fits into memory: the first 64 bits of
 * SHA-256. Of ten million samples that are all different, two have the same with a probability of
 * n²/2⁶⁵ = 3·10⁻⁶.
 */
export class SampleDigests {
  readonly #digests: BigUint64Array;

  constructor(count: number) {
    this.#digests = new BigUint64Array(count);
  }

  /** @param samples one after the other, one for each row. */
  add(rows: Int32Array, samples: Float32Array): void {
    const bytes = samples.byteLength / rows.length;
    for (const [slot, row] of rows.entries()) {
      const start = samples.byteOffset + slot * bytes;
      const sample = new Uint8Array(samples.buffer, start, bytes);
      const digest = createHash("sha256").update(sample).digest();
      this.#digests[row] = digest.readBigUInt64LE();
    }
  }

  /** @param rows those that were added. */
  equal(rows: Int32Array): EqualSamples {
    const digest = (row: number) => this.#digests[row] as bigint;
    const order = rows.slice().sort((a, b) => {
      const [x, y] = [digest(a), digest(b)];
      return x < y ? -1 : x > y ? 1 : a - b;
    });
    const sets: number[][] = [];
    let set: number[] = [];
    for (const row of order) {
      if (set[0] === undefined || digest(set[0]) !== digest(row)) set = [];
      set.push(row);
      if (set.length === 2) sets.push(set);
    }
    return sets.sort((a, b) => (a[0] as number) - (b[0] as number));
  }
}
