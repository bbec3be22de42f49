import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { InputError } from "../graph/input-error.ts";
import type { TrainingConfig, TrainingEvent } from "../protocol/training.ts";
import { readCheckpoint, type StoredCheckpoint } from "./checkpoint.ts";
import { mergeConfig, readTrainingConfig } from "./config.ts";
import { isFields } from "./fields.ts";
import type { StartEvent } from "./run-events.ts";
import { RUN_FILES, removeTemporaryFiles } from "./run-folder.ts";

/** A run that was cut off or cancelled, as its folder tells it. */
export interface ResumableRun {
  readonly folder: string;
  readonly config: TrainingConfig;
  readonly start: StartEvent;
  /** Undefined where the run was cut off before its first one: it begins anew, with the same result. */
  readonly checkpoint: StoredCheckpoint | undefined;
  /** What had been told when the checkpoint was made; the rest happens again. */
  readonly events: readonly TrainingEvent[];
}

/**
 * Reads what is needed to go on with a run. Nothing is changed but temporary files of a killed
 * process, which are taken away.
 *
 * @throws InputError where the folder is no run, the run has ended, its options were changed, or no
 *   checkpoint is whole.
 */
export async function readResumableRun(folder: string): Promise<ResumableRun> {
  const metrics = await readMetrics(folder);
  const events = eventsOf(metrics);
  const [start] = events;
  if (start?.event !== "start") {
    throw new InputError("the run was cut off before it began; start it again", folder);
  }
  await refuseChangedConfig(folder, start);
  refuseEnded(folder, events);
  const checkpoint = await newestCheckpoint(folder, metrics);
  await removeTemporaryFiles(folder);
  return {
    folder,
    config: mergeConfig(await readTrainingConfig(undefined), start.config),
    start,
    checkpoint,
    events: checkpoint === undefined ? [] : eventsOf(metrics.subarray(0, checkpoint.metricsBytes)),
  };
}

/** @throws InputError where model or data are not those the run began with. */
export function refuseChanged(run: ResumableRun, now: StartEvent["fingerprint"]): void {
  const { fingerprint, model, config } = run.start;
  if (fingerprint.model !== now.model) {
    throw new InputError(
      `${model} is not the model this run began with; a run goes on with the same one only`,
      run.folder,
    );
  }
  if (fingerprint.data !== now.data) {
    throw new InputError(
      `data ${config.data} is not what this run began with; a run goes on with the same data only`,
      run.folder,
    );
  }
}

async function readMetrics(folder: string): Promise<Buffer> {
  const isFolder = (await stat(folder).catch(() => undefined))?.isDirectory() ?? false;
  if (!isFolder) throw new InputError("there is no such run folder", folder);
  return readFile(join(folder, RUN_FILES.metrics)).catch(() => {
    throw new InputError(`is not the folder of a run: it has no ${RUN_FILES.metrics}`, folder);
  });
}

/** Whole lines only: the last one may have been cut off. */
function eventsOf(metrics: Buffer): readonly TrainingEvent[] {
  const lines = metrics.toString("utf8").split("\n").slice(0, -1);
  return lines.flatMap((line): TrainingEvent[] => {
    try {
      return [JSON.parse(line) as TrainingEvent];
    } catch {
      return [];
    }
  });
}

async function refuseChangedConfig(folder: string, { config }: StartEvent): Promise<void> {
  const path = join(folder, RUN_FILES.config);
  const text = await readFile(path, "utf8").catch(() => undefined);
  // A run's config is flushed before its first event; a missing one was taken away.
  const stored = text === undefined ? undefined : parsed(text);
  const changed = changedField(config, stored);
  if (changed !== undefined) {
    throw new InputError(
      `${changed} is not what the run began with; a run goes on with the same options only`,
      path,
    );
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The first field that differs, by its dotted path. */
function changedField(before: unknown, now: unknown, path = ""): string | undefined {
  if (isDeepStrictEqual(before, now)) return undefined;
  if (!isFields(before) || !isFields(now)) return path === "" ? RUN_FILES.config : path;
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const field = path === "" ? name : `${path}.${name}`;
    const changed = changedField(before[name], now[name], field);
    if (changed !== undefined) return changed;
  }
  return undefined;
}

function refuseEnded(folder: string, events: readonly TrainingEvent[]): void {
  const done = events.some(({ event }) => event === "done");
  const stop = events.findLast((event) => event.event === "stop");
  if (!done || stop === undefined || stop.reason === "cancelled") return;
  throw new InputError(
    `the run has ended, there is nothing to go on with: ${stop.sentence}`,
    folder,
  );
}

async function newestCheckpoint(
  folder: string,
  metrics: Buffer,
): Promise<StoredCheckpoint | undefined> {
  const problems: unknown[] = [];
  for (const name of [RUN_FILES.checkpoint, RUN_FILES.previousCheckpoint]) {
    const path = join(folder, name);
    try {
      const checkpoint = await readCheckpoint(path);
      if (checkpoint === undefined) continue;
      if (metrics[checkpoint.metricsBytes - 1] === "\n".charCodeAt(0)) return checkpoint;
      throw new InputError(`${RUN_FILES.metrics} lacks lines that the checkpoint refers to`, path);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(error);
    }
  }
  if (problems.length > 0) throw problems[0];
  return undefined;
}
