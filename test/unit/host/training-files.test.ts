import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { certificateMarkdown, escaped } from "../../../src/host/report-markdown.ts";
import { Batcher } from "../../../src/host/training/batcher.ts";
import { EventHistory } from "../../../src/host/training/event-history.ts";
import { bestModelOf, parseEvents, readEvents } from "../../../src/host/training/run-files.ts";
import type { TrainingEvent } from "../../../src/protocol/training.ts";

const step = (number: number): TrainingEvent => ({
  event: "step",
  step: number,
  epoch: 1,
  loss: 1,
});
const epoch: TrainingEvent = {
  event: "epoch",
  epoch: 1,
  trainLoss: 0.5,
  validationLoss: "NaN",
  seconds: 1,
  best: true,
};

test("batches arrive at once and then at most one an interval, in order", () => {
  vi.useFakeTimers();
  const batches: (readonly number[])[] = [];
  const batcher = new Batcher<number>(100, (items) => batches.push(items));
  for (const item of [1, 2, 3]) batcher.add(item);
  expect(batches).toEqual([[1]]);
  vi.advanceTimersByTime(100);
  expect(batches).toEqual([[1], [2, 3]]);
  batcher.add(4);
  batcher.flush();
  expect(batches).toEqual([[1], [2, 3], [4]]);
  vi.advanceTimersByTime(1000);
  batcher.add(5);
  expect(batches.at(-1)).toEqual([5]);
  batcher.dispose();
  vi.useRealTimers();
});

test("a long run's history is thinned evenly and keeps all epochs", () => {
  const history = new EventHistory(100);
  for (let number = 1; number <= 1000; number++) history.add(step(number));
  history.add(epoch);
  const steps = history.events.flatMap((event) => (event.event === "step" ? [event.step] : []));
  expect(steps.length).toBeLessThanOrEqual(100);
  expect(new Set(steps.slice(1).map((value, position) => value - (steps[position] ?? 0)))).toEqual(
    new Set([16]),
  );
  expect(history.events.at(-1)).toBe(epoch);
});

test("a metrics file that a crash cut off gives all its whole lines", () => {
  const text = `${JSON.stringify(step(1))}\n${JSON.stringify(epoch)}\n{"event":"st`;
  expect(parseEvents(text)).toEqual([step(1), epoch]);
});

test("reads a run back from its folder, and an empty one as nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "normlens-runs-"));
  try {
    expect(await readEvents(join(folder, "none"))).toEqual([]);
    await mkdir(join(folder, "run"));
    await writeFile(join(folder, "run", "metrics.jsonl"), `${JSON.stringify(step(1))}\n`);
    expect(await readEvents(join(folder, "run"))).toEqual([step(1)]);
    expect(bestModelOf(join(folder, "run"))).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("names of a model are no markup in a certificate", () => {
  const name = "a|b`<img src=x>\n[c](command:evil)";
  const text = certificateMarkdown("title", {
    pass: true,
    inputs: [],
    outputs: [{ name, maxAbs: 1e-7, maxRelative: 2e-7 }],
    sentence: "Same function.",
  });
  expect(text).toContain(escaped(name));
  expect(escaped(name)).toBe("a\\|b\\`\\<img src=x\\> \\[c\\]\\(command\\:evil\\)");
});
