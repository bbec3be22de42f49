import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CancellationTokenSource } from "vscode-jsonrpc/node";
import { EngineClient } from "../../../src/host/engine/engine-client.ts";
import { isCancellation, isRefusal, sentenceOf } from "../../../src/host/engine/engine-error.ts";

const entry = new URL("fake-engine.mjs", import.meta.url).pathname;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

let folder: string;
let client: EngineClient;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "normlens-client-"));
  client = new EngineClient({ entry, execArgv: () => [] }, log);
});

afterEach(async () => {
  client.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** The fake answers `close` with its process id. */
async function processOf(path: string): Promise<number> {
  return (await client.request("close", { path })) as unknown as number;
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch {
    return false;
  }
}

test("starts one process and keeps it", async () => {
  expect(await processOf("a")).toBe(await processOf("b"));
});

test("repeats a request that a crash interrupted", async () => {
  const causes: string[] = [];
  client.onDidCrash((cause) => causes.push(cause));
  const before = await processOf("a");
  const after = await processOf(`die-once:${join(folder, "mark")}`);
  expect(after).not.toBe(before);
  expect(causes).toEqual(["SIGKILL"]);
});

test("repeats only once, and says so", async () => {
  const error = await failureOf(processOf("die"));
  expect(sentenceOf(error)).toMatch(/stopped unexpectedly \(exit code 3\) while closing/);
});

test("works again after it gave up", async () => {
  await failureOf(processOf("die"));
  expect(await processOf("a")).toBeGreaterThan(0);
});

test("never repeats training", async () => {
  const mark = join(folder, "mark");
  const params = { path: `die-once:${mark}`, edits: [], runs: folder, config: {} as never };
  const error = await failureOf(client.request("train", params));
  expect(sentenceOf(error)).toMatch(/stopped unexpectedly \(SIGKILL\) while training/);
});

test("a refusal is no crash and keeps its sentence", async () => {
  const before = await processOf("a");
  const error = await failureOf(processOf("refuse"));
  expect(isRefusal(error)).toBe(true);
  expect(sentenceOf(error)).toBe("model.onnx: it is cut off");
  expect(await processOf("a")).toBe(before);
});

test("a fault of the engine is shown without its stack", async () => {
  const error = await failureOf(processOf("fault"));
  expect(isRefusal(error)).toBe(false);
  expect(sentenceOf(error)).toMatch(/^NormLens made a mistake of its own \(TypeError: x\)\. .*log/);
});

test("cancels a running request", async () => {
  const source = new CancellationTokenSource();
  const request = { path: "hang", edits: [] };
  const running = failureOf(client.request("open", request, { token: source.token }));
  await processOf("a");
  source.cancel();
  expect(isCancellation(await running)).toBe(true);
});

test("a process that does not hear of Cancel is killed, which is no crash", async () => {
  const crashes: string[] = [];
  client.onDidCrash((cause) => crashes.push(cause));
  const source = new CancellationTokenSource();
  const params = { path: "block", edits: [], runs: folder, config: {} as never };
  const before = await processOf("a");
  const blocked = new Promise<void>((resolve) => {
    const onProgress = ({ message }: { message: string }) => message === "Blocked" && resolve();
    void failureOf(client.request("train", params, { token: source.token, onProgress })).then(
      (error) => failures.push(error),
    );
  });
  const failures: unknown[] = [];
  await blocked;
  source.cancel();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(failures).toEqual([]);
  expect(client.kill()).toBe(before);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(failures.map(isCancellation)).toEqual([true]);
  expect(crashes).toEqual([]);
  expect(await processOf("a")).not.toBe(before);
});

test("passes progress on to the request that runs", async () => {
  const messages: string[] = [];
  const onProgress = ({ message }: { message: string }) => messages.push(message);
  await client.request("close", { path: "a" }, { onProgress });
  expect(messages).toEqual(["Reading"]);
});

test("tells what it does, and when it rests again", async () => {
  const activities: (string | undefined)[] = [];
  client.onDidChangeActivity((activity) => activities.push(activity));
  await processOf("a");
  expect(activities).toEqual(["closing", "Reading", undefined]);
});

test("leaves no process behind", async () => {
  const started = await processOf("a");
  client.dispose();
  for (let waited = 0; isAlive(started) && waited < 2000; waited += 20) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(isAlive(started)).toBe(false);
});
