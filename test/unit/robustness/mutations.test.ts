import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "../../../src/data/random.ts";
import { findings } from "../../../src/findings/registry.ts";
import { parseModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { InputError } from "../../../src/graph/input-error.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { distortedModel } from "../../support/damaged-models.ts";
import { committedModels } from "../../support/repository.ts";

/** Larger models are mostly weights, in which a changed byte says nothing about the reader. */
const LARGEST_MODEL_BYTES = 60_000;

/** One file may take this long on a busy machine; a hang takes longer. */
const SLOWEST_MS = 10_000;

const random = seededRandom(20_240_607);
const whole = random.below;

/** What a damaged disk, a cut download and an attacker do to a file. */
const DAMAGES: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
  (bytes) => withBytes(bytes, 1, () => whole(256)),
  (bytes) => withBytes(bytes, 4, () => whole(256)),
  (bytes) => withBytes(bytes, 16, () => whole(256)),
  (bytes) => withBytes(bytes, 1, (old) => old ^ (1 << whole(8))),
  (bytes) => withBytes(bytes, 3, () => [0, 1, 0x7f, 0x80, 0xff][whole(5)] as number),
  (bytes) => {
    const [start, end] = range(bytes);
    return Uint8Array.of(...bytes.subarray(0, start), ...bytes.subarray(end));
  },
  (bytes) => {
    const [start, end] = range(bytes);
    return Uint8Array.of(...bytes.subarray(0, end), ...bytes.subarray(start));
  },
];

function withBytes(bytes: Uint8Array, count: number, value: (old: number) => number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  for (let i = 0; i < count; i++) {
    const position = whole(bytes.length);
    changed[position] = value(changed[position] as number);
  }
  return changed;
}

function range(bytes: Uint8Array): [number, number] {
  const start = whole(bytes.length);
  return [start, Math.min(bytes.length, start + 1 + whole(32))];
}

interface Model {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function smallModels(): Model[] {
  return committedModels()
    .map((file) => ({ name: basename(file), bytes: new Uint8Array(readFileSync(file)) }))
    .filter(({ bytes }) => bytes.length < LARGEST_MODEL_BYTES);
}

/** Everything the engine does with a model's bytes on the way from file to file. */
function work(bytes: Uint8Array): void {
  const graph = parseModel(bytes);
  findings(graph);
  encodeModel(foldBatchNorm.apply(graph, undefined, {}).graph);
}

/** Works on damaged copies in turn. A refusal is fine; anything else that is thrown is listed. */
function survive(count: number, damaged: (bytes: Uint8Array) => Uint8Array) {
  const models = smallModels();
  const failures: string[] = [];
  let worked = 0;
  for (let turn = 0; turn < count; turn++) {
    const model = models[turn % models.length] as Model;
    const bytes = damaged(model.bytes);
    const start = performance.now();
    try {
      work(bytes);
      worked += 1;
    } catch (error) {
      if (!(error instanceof InputError)) failures.push(`${turn} ${model.name}: ${trace(error)}`);
    }
    const elapsed = performance.now() - start;
    if (elapsed > SLOWEST_MS) failures.push(`${turn} ${model.name}: took ${elapsed} ms`);
  }
  return { worked, failures };
}

function trace(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.split("\n").slice(0, 4).join(" ");
}

test("5,000 damaged files: each is worked on or refused in a sentence, and none crashes or hangs", () => {
  const { worked, failures } = survive(5000, (bytes) =>
    (DAMAGES[whole(DAMAGES.length)] as (typeof DAMAGES)[number])(bytes),
  );
  expect(failures).toEqual([]);
  // Damage that is always refused at once would show nothing about what comes after reading.
  expect(worked).toBeGreaterThan(1250);
});

test("2,000 well-formed models that make no sense, likewise", () => {
  const { worked, failures } = survive(2000, (bytes) => distortedModel(bytes, random));
  expect(failures).toEqual([]);
  expect(worked).toBeGreaterThan(500);
});
