import { closeSync, openSync, writeSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { saveModel } from "../formats/onnx/write.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import type { TrainingConfig, TrainingEvent } from "../protocol/training.ts";

/**
 * The record of one run: config.json, metrics.jsonl (one event a line, there as soon as it has
 * happened) and best.onnx. A killed run leaves a folder that can be read.
 */
export class RunFolder {
  readonly bestModel: string;
  #metrics: number | undefined;

  private constructor(
    readonly path: string,
    metrics: number,
  ) {
    this.bestModel = join(path, "best.onnx");
    this.#metrics = metrics;
  }

  /** Makes a new folder, named after the model and the time, in the folder of all runs. */
  static async create(
    runsFolder: string,
    modelName: string,
    config: TrainingConfig,
    now = new Date(),
  ): Promise<RunFolder> {
    const path = await newFolder(runsFolder, `${safeName(modelName)}-${timestamp(now)}`);
    const temporary = join(path, "config.json.tmp");
    await writeFile(temporary, `${JSON.stringify(config, undefined, 2)}\n`, { flush: true });
    await rename(temporary, join(path, "config.json"));
    return new RunFolder(path, openSync(join(path, "metrics.jsonl"), "a"));
  }

  /** Written at once and without a promise, so that the lines keep the order of the events. */
  append(event: TrainingEvent): void {
    if (this.#metrics !== undefined) writeSync(this.#metrics, `${JSON.stringify(event)}\n`);
  }

  async saveBest(graph: Graph): Promise<void> {
    await saveModel(graph, this.bestModel);
  }

  close(): void {
    if (this.#metrics !== undefined) closeSync(this.#metrics);
    this.#metrics = undefined;
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
