import { describe, expect, test } from "vitest";
import { CheckpointRhythm } from "../../../src/training/checkpoint-rhythm.ts";
import { Turns } from "../../../src/training/turns.ts";
import { UnvalidatedRhythm } from "../../../src/training/unvalidated-rhythm.ts";

/** A clock that a test moves, in milliseconds. */
function clock() {
  let time = 1000;
  const now = () => time;
  const pass = (milliseconds: number) => {
    time += milliseconds;
  };
  return { now, pass };
}

describe("turns", () => {
  test("are long for ten seconds after a piece of work that nobody would wait for", async () => {
    const { now, pass } = clock();
    const turns = new Turns(new AbortController().signal, now);
    pass(70);
    await turns.cancelled();
    expect(turns.long).toBe(false);
    pass(110);
    await turns.cancelled();
    expect(turns.long).toBe(true);
    pass(9_999);
    turns.waited();
    await turns.cancelled();
    expect(turns.long).toBe(true);
    pass(1);
    expect(turns.long).toBe(false);
  });

  test("are not long by what was waited for: a file, or the end of a pause", async () => {
    const { now, pass } = clock();
    const turns = new Turns(new AbortController().signal, now);
    pass(5000);
    turns.waited();
    await turns.cancelled();
    await turns.cancelledOrPaused(async () => pass(5000));
    await turns.cancelled();
    expect(turns.long).toBe(false);
  });
});

test("weights without validation are kept at the first step, then each time the run is twice as old", () => {
  const { now, pass } = clock();
  const rhythm = new UnvalidatedRhythm(now);
  const kept: number[] = [];
  for (let second = 1; second <= 120; second++) {
    pass(1000);
    if (rhythm.due()) kept.push(second);
  }
  expect(kept).toEqual([1, 2, 4, 8, 16, 32, 62, 92]);
});

test("a checkpoint is made in a long epoch, but neither too often nor where it is turned off", async () => {
  const { now, pass } = clock();
  const config = { everyEpochs: 1, everySteps: 0, everySeconds: 30, leastSeconds: 5 };
  const rhythm = new CheckpointRhythm(config, now);
  const off = new CheckpointRhythm({ ...config, everySeconds: 0 }, now);
  const slow = new CheckpointRhythm(config, now);
  // Writing takes two seconds, so that a twentieth of the time is forty.
  await slow.write(async () => pass(2000));
  await rhythm.write(async () => undefined);
  pass(29_999);
  expect(rhythm.dueAfterStep(1)).toBe(false);
  pass(1);
  expect(rhythm.dueAfterStep(1)).toBe(true);
  expect(off.dueAfterStep(1)).toBe(false);
  expect(slow.dueAfterStep(1)).toBe(false);
  pass(10_000);
  expect(slow.dueAfterStep(1)).toBe(true);
});
