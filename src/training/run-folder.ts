import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { mkdir, readdir, rename, rm, truncate } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { writeWhole } from "../formats/onnx/new-file.ts";
import { InputError } from "../graph/input-error.ts";
import type { TrainingConfig, TrainingEvent } from "../protocol/training.ts";
import { type Checkpoint, writeCheckpoint } from "./checkpoint.ts";
import { lockRun, type RunLock } from "./run-lock.ts";

/** Names of the files in a run's folder. */
export const RUN_FILES = {
  config: "config.json",
  metrics: "metrics.jsonl",
  best: "best.onnx",
  retrained: "retrained.onnx",
  /** The same of a TF.js layers model, with its weights beside it. */
  bestLayers: join("best", "model.json"),
  retrainedLayers: join("retrained", "model.json"),
  checkpoint: "checkpoint.bin",
  /** The one before, in case the newest cannot be read. */
  previousCheckpoint: "checkpoint-previous.bin",
} as const;

/**
 * The record of one run: config.json, metrics.jsonl (one event a line, there as soon as it has
 * happened), best.onnx, and while it has not ended two checkpoints. A killed run leaves a folder
 * that can be read and gone on with.
 */
export class RunFolder {
  readonly #lock: RunLock;
  #metrics: number | undefined;
  #metricsBytes: number;

  private constructor(
    readonly path: string,
    lock: RunLock,
    metricsBytes: number,
  ) {
    this.#lock = lock;
    this.#metrics = openSync(join(path, RUN_FILES.metrics), "a");
    this.#metricsBytes = metricsBytes;
  }

  /** Makes a new folder, named after the model and the time, in the folder of all runs. */
  static async create(
    runsFolder: string,
    modelName: string,
    config: TrainingConfig,
    now = new Date(),
  ): Promise<RunFolder> {
    const path = await newFolder(runsFolder, `${safeName(modelName)}-${timestamp(now)}`);
    const lock = await lockRun(path);
    await writeWhole(join(path, RUN_FILES.config), `${JSON.stringify(config, undefined, 2)}\n`);
    return new RunFolder(path, lock, 0);
  }

  /**
   * Takes up the folder of a run that was cut off.
   *
   * @param metricsBytes how much of metrics.jsonl stays; what came after it happens again.
   * @param killed number of a process that has been killed: it may hold the lock no longer.
   * @throws InputError while another process works on the run.
   */
  static async reopen(path: string, metricsBytes: number, killed?: number): Promise<RunFolder> {
    const lock = await lockRun(path, killed);
    await truncate(join(path, RUN_FILES.metrics), metricsBytes);
    return new RunFolder(path, lock, metricsBytes);
  }

  /** Written at once and without a promise, so that the lines keep the order of the events. */
  append(event: TrainingEvent): void {
    if (this.#metrics === undefined) return;
    const line = Buffer.from(`${JSON.stringify(event)}\n`);
    writeSync(this.#metrics, line);
    this.#metricsBytes += line.length;
  }

  /** Bytes of metrics.jsonl. */
  get metricsBytes(): number {
    return this.#metricsBytes;
  }

  /**
   * Keeps a checkpoint; the one before it stays as the previous one. At every moment one of the two
   * is whole.
   *
   * @param metricsBytes how much of metrics.jsonl had been told when the checkpoint was taken.
   */
  async saveCheckpoint(
    checkpoint: Checkpoint,
    metricsBytes: number,
    signal?: AbortSignal,
  ): Promise<void> {
    const path = join(this.path, RUN_FILES.checkpoint);
    const previous = join(this.path, RUN_FILES.previousCheckpoint);
    const moveAway = async () => {
      // The lines it refers to must be on the disk before it is.
      if (this.#metrics !== undefined) fdatasyncSync(this.#metrics);
      await rename(path, previous).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    };
    await writeCheckpoint(path, { ...checkpoint, metricsBytes }, moveAway, signal);
  }

  /** A run that has come to its end is not gone on with. */
  async removeCheckpoints(): Promise<void> {
    for (const name of [RUN_FILES.checkpoint, RUN_FILES.previousCheckpoint]) {
      await rm(join(this.path, name), { force: true });
    }
  }

  async close(): Promise<void> {
    if (this.#metrics !== undefined) closeSync(this.#metrics);
    this.#metrics = undefined;
    await this.#lock.release();
  }
}

/** Those that a killed process left behind. */
export async function removeTemporaryFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith(".tmp")) await rm(join(folder, name), { force: true });
  }
}

async function newFolder(runsFolder: string, name: string): Promise<string> {
  try {
    await mkdir(runsFolder, { recursive: true });
    for (let attempt = 1; ; attempt++) {
      const path = join(runsFolder, attempt === 1 ? name : `${name}-${attempt}`);
      const made = await mkdir(path).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code !== "EEXIST") throw error;
          return false;
        },
      );
      if (made) return path;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`the run folder cannot be made: ${reason}`, runsFolder);
  }
}

function safeName(modelName: string): string {
  const stem = basename(modelName, extname(modelName));
  return stem.replace(/[^\w.-]+/g, "-").replace(/^[.-]+/, "") || "model";
}

/** Local time to the second, in an order that sorts and without colons, which Windows refuses. */
function timestamp(now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${day}T${two(now.getHours())}-${two(now.getMinutes())}-${two(now.getSeconds())}`;
}
