import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { TrainingEvent } from "../../protocol/training.ts";

/** The best model of a run folder, if the run got as far as one. */
export function bestModelOf(run: string): string | undefined {
  const path = join(run, "best.onnx");
  return existsSync(path) ? path : undefined;
}

/** Everything a run has told, read back from its folder; a line cut off by a crash is left out. */
export async function readEvents(run: string): Promise<readonly TrainingEvent[]> {
  const text = await readFile(join(run, "metrics.jsonl"), "utf8").catch(() => "");
  return parseEvents(text);
}

export function parseEvents(text: string): readonly TrainingEvent[] {
  return text.split("\n").flatMap((line) => {
    const event = parsed(line);
    return isEvent(event) ? [event] : [];
  });
}

/** The run folder that was made since a time: how a run is found before it is done. */
export async function newestRun(runs: string, since: number): Promise<string | undefined> {
  const names = await readdir(runs).catch(() => []);
  const folders = await Promise.all(
    names.map(async (name) => {
      const path = join(runs, name);
      const { birthtimeMs } = await stat(path);
      return { path, born: birthtimeMs };
    }),
  );
  const candidates = folders.filter(({ path, born }) => {
    return born >= since && existsSync(join(path, "metrics.jsonl"));
  });
  candidates.sort((a, b) => b.born - a.born);
  return candidates[0]?.path;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isEvent(value: unknown): value is TrainingEvent {
  return typeof value === "object" && value !== null && "event" in value;
}
