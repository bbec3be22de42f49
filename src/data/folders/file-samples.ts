import { createHash } from "node:crypto";
import { relative } from "node:path";
import type { SampleReader } from "../dataset.ts";
import type { SampleFile } from "./class-folders.ts";
import type { SampleForm } from "./decode-file.ts";
import { decodeBeside } from "./decode-threads.ts";

/** Samples that are decoded before they are asked for take about this many bytes at most. */
const AHEAD_BYTES = 2 ** 26;

/** Samples that are kept for the next epoch. All of a small set; the rest of a large one is decoded again. */
const KEPT_BYTES = 2 ** 28;

/**
 * Samples that are files: decoded when they are asked for, and a bounded number of those that are expected
 * next in advance.
 */
export class FileSamples implements SampleReader {
  readonly fingerprint: string;
  readonly #root: string;
  readonly #files: readonly SampleFile[];
  readonly #form: SampleForm;
  readonly #ahead: number;
  readonly #mostKept: number;
  readonly #kept = new Map<number, Float32Array>();
  readonly #coming = new Map<number, Promise<Float32Array>>();
  #expected = new Int32Array();
  #begun = 0;

  /** @param size numbers of one sample. */
  constructor(root: string, files: readonly SampleFile[], form: SampleForm, size: number) {
    this.#root = root;
    this.#files = files;
    this.#form = form;
    this.#ahead = Math.min(512, Math.max(1, Math.floor(AHEAD_BYTES / (4 * size))));
    this.#mostKept = Math.floor(KEPT_BYTES / (4 * size));
    this.fingerprint = fingerprintOf(root, files, form);
  }

  /** Its path below the folder of the data set. */
  nameOf(row: number): string {
    return relative(this.#root, (this.#files[row] as SampleFile).path);
  }

  expect(rows: Int32Array): void {
    this.#expected = rows.slice();
    this.#begun = 0;
    this.#coming.clear();
    this.#prepare();
  }

  async read(rows: Int32Array, into: Float32Array): Promise<void> {
    const size = into.length / rows.length;
    const samples = new Map<number, Promise<Float32Array> | Float32Array>();
    for (const row of rows) if (!samples.has(row)) samples.set(row, this.#take(row));
    this.#prepare();
    for (const [slot, row] of rows.entries()) {
      const sample = (await samples.get(row)) as Float32Array;
      into.set(sample, slot * size);
      if (this.#kept.size < this.#mostKept) this.#kept.set(row, sample);
    }
  }

  /** What was prepared, or is now. */
  #take(row: number): Promise<Float32Array> | Float32Array {
    const kept = this.#kept.get(row);
    if (kept !== undefined) return kept;
    const sample = this.#coming.get(row) ?? this.#decode(row);
    this.#coming.delete(row);
    return sample;
  }

  #prepare(): void {
    while (this.#coming.size < this.#ahead && this.#begun < this.#expected.length) {
      const row = this.#expected[this.#begun++] as number;
      if (!this.#kept.has(row) && !this.#coming.has(row)) this.#coming.set(row, this.#decode(row));
    }
  }

  #decode(row: number): Promise<Float32Array> {
    const sample = decodeBeside((this.#files[row] as SampleFile).path, this.#form);
    // It is told when the sample is asked for; until then nobody waits for it.
    sample.catch(() => undefined);
    return sample;
  }
}

/** Of names, sizes and times, since reading all files would take long. */
function fingerprintOf(root: string, files: readonly SampleFile[], form: SampleForm): string {
  const hash = createHash("sha256").update(JSON.stringify(form));
  for (const { path, bytes, changed } of files) {
    hash.update(`${relative(root, path)}\n${bytes}\n${changed}\n`);
  }
  return hash.digest("hex");
}
