import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TrainingEvent } from "../../protocol/training.ts";

/** The model that a run folder ends with, if the run got as far as one. */
export function bestModelOf(run: string): string | undefined {
  return ["retrained.onnx", "best.onnx"]
    .map((name) => join(run, name))
    .find((path) => existsSync(path));
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
