import { createHash } from "node:crypto";
import { type FileHandle, readFile } from "node:fs/promises";
import { newFile } from "../formats/onnx/new-file.ts";
import { InputError } from "../graph/input-error.ts";
import { isJsonNumber } from "../protocol/reports.ts";
import type { EarlyStoppingState } from "./early-stopping.ts";
import type { Weights } from "./evaluate.ts";
import type { MeterSums } from "./loss-meter.ts";
import type { RetrainPlan } from "./retrain.ts";
import type { ScheduleState } from "./schedules/schedule.ts";

/** What the last step added to the loss, which its epoch tells. */
export interface AddedTerms {
  /** Variational dropout's. */
  readonly divergence?: number;
  /** That of L1 and L2. */
  readonly penalty?: number;
}

/** Where a run stands between two steps: all that it does next follows from this and the tensors. */
export interface RunProgress {
  /** The epoch it is in, from 1, and how many of its steps are done; all of them before validation. */
  readonly epoch: number;
  readonly stepsInEpoch: number;
  /** Over the whole run; masks, noise and bias correction follow from it. */
  readonly stepsDone: number;
  /** Loss and right answers of this epoch's steps so far. */
  readonly meter: MeterSums;
  readonly lastStep: AddedTerms;
  readonly stopping: EarlyStoppingState;
  readonly schedule: ScheduleState;
  /** The schedule in each epoch that is over, where config.earlyStopping.retrain will need it. */
  readonly schedules?: readonly ScheduleState[];
  /** Where the run trains again; epoch and steps are then counted from there. */
  readonly retrain?: RetrainPlan;
  /** Histogram edges of the watched values, set at the first epoch. */
  readonly edges: Readonly<Record<string, readonly number[]>>;
  /** Seconds spent on this epoch so far. */
  readonly seconds: number;
}

/** A run's state as it is kept in a file. The tensors are not copied: write before the next step. */
export interface Checkpoint {
  readonly progress: RunProgress;
  /** Parameters, running statistics and the optimizer's tensors. */
  readonly state: Weights;
  /** The best weights so far; undefined while no epoch was the best. */
  readonly best: Weights | undefined;
}

/** A checkpoint read back, and how much of metrics.jsonl had been told when it was made. */
export interface StoredCheckpoint extends Checkpoint {
  readonly metricsBytes: number;
}

interface Header {
  readonly progress: RunProgress;
  readonly metricsBytes: number;
  readonly tensors: readonly {
    readonly set: "state" | "best";
    readonly name: string;
    readonly length: number;
  }[];
}

/*
 * The file: MAGIC, the header's length as uint32, the header as JSON, the tensors as float32 one
 * after the other, SHA-256 of all that. Little-endian, like every platform ONNX Runtime is built for.
 */
const MAGIC = "NLCHKPT1";
const DIGEST_BYTES = 32;
const START_BYTES = MAGIC.length + 4;
const PIECE_BYTES = 4 * 2 ** 20;

/**
 * Writes all or nothing: a temporary file, flushed, then renamed.
 *
 * @param publish is called between the two, when the old file may be moved away.
 * @param signal ends the writing; no file is changed then.
 */
export async function writeCheckpoint(
  path: string,
  checkpoint: StoredCheckpoint,
  publish: () => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const file = await newFile(path, (handle) => writePieces(handle, checkpoint, signal));
  try {
    await publish();
    await file.publish();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function writePieces(
  handle: FileHandle,
  { progress, metricsBytes, state, best }: StoredCheckpoint,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sets = { state, best: best ?? new Map<string, Float32Array>() };
  const tensors = (["state", "best"] as const).flatMap((set) =>
    [...sets[set]].map(([name, values]) => ({ set, name, length: values.length })),
  );
  const header = Buffer.from(encode({ progress, metricsBytes, tensors }));
  const start = Buffer.alloc(START_BYTES);
  start.write(MAGIC, "latin1");
  start.writeUInt32LE(header.length, MAGIC.length);
  const digest = createHash("sha256");
  const arrays = [...sets.state.values(), ...sets.best.values()].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  );
  for (const bytes of [start, header, ...arrays]) {
    for (let position = 0; position < bytes.length; position += PIECE_BYTES) {
      signal?.throwIfAborted();
      const piece = bytes.subarray(position, position + PIECE_BYTES);
      digest.update(piece);
      await handle.writeFile(piece);
    }
  }
  await handle.writeFile(digest.digest());
}

/**
 * @returns undefined where there is no such file.
 * @throws InputError where the file is cut off or changed.
 */
export async function readCheckpoint(path: string): Promise<StoredCheckpoint | undefined> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new InputError(`the checkpoint cannot be read: ${error.message}`, path);
  });
  if (bytes === undefined) return undefined;
  const body = bytes.subarray(0, Math.max(0, bytes.length - DIGEST_BYTES));
  const whole = createHash("sha256").update(body).digest().equals(bytes.subarray(body.length));
  if (!whole || body.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw new InputError("the checkpoint is damaged: its checksum is wrong", path);
  }
  const headerEnd = START_BYTES + body.readUInt32LE(MAGIC.length);
  const { progress, metricsBytes, tensors } = decode(body.toString("utf8", START_BYTES, headerEnd));
  const sets = { state: new Map<string, Float32Array>(), best: new Map<string, Float32Array>() };
  let position = body.byteOffset + headerEnd;
  for (const { set, name, length } of tensors) {
    const end = position + length * Float32Array.BYTES_PER_ELEMENT;
    sets[set].set(name, new Float32Array(body.buffer.slice(position, end)));
    position = end;
  }
  const best = sets.best.size === 0 ? undefined : sets.best;
  return { progress, metricsBytes, state: sets.state, best };
}

/** Infinity and NaN are no JSON: the first reference to beat is infinite. */
function encode(header: Header): string {
  return JSON.stringify(header, (_, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value,
  );
}

function decode(text: string): Header {
  return JSON.parse(text, (_, value: unknown) => {
    const number =
      typeof value === "object" && value !== null && "number" in value ? value.number : undefined;
    return typeof number === "string" && isJsonNumber(number) ? Number(number) : value;
  });
}
