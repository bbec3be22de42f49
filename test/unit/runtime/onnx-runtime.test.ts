import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import type { Runtime, RuntimeTensor } from "../../../src/runtime/runtime.ts";
import { SAMPLES } from "../../support/repository.ts";

const MODEL = join(SAMPLES, "digits-mlp.onnx");

// Other files may be tested in this process.
afterAll(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

/** A runtime of this process's own choosing; the module keeps the first one it loads. */
async function freshRuntime(environment: string): Promise<Runtime> {
  vi.resetModules();
  vi.stubEnv("NORMLENS_RUNTIME", environment);
  const { loadRuntime } = await import("../../../src/runtime/onnx-runtime.ts");
  return loadRuntime();
}

function input(): RuntimeTensor {
  return {
    type: "float32",
    dims: [2, 64],
    data: Float32Array.from({ length: 128 }, (_, i) => i / 128),
  };
}

test.each([
  ["", "onnxruntime-node", /native library loaded/],
  ["wasm", "onnxruntime-web", /asked for by NORMLENS_RUNTIME=wasm/],
])("NORMLENS_RUNTIME=%j chooses %s and says why", async (environment, name, reason) => {
  const runtime = await freshRuntime(environment);
  expect(runtime.name).toBe(name);
  expect(runtime.version).toMatch(/^1\.30\./);
  expect(runtime.reason).toMatch(reason);
});

test.each(["", "wasm"])(
  "NORMLENS_RUNTIME=%j fills preallocated outputs in place",
  async (environment) => {
    const runtime = await freshRuntime(environment);
    const session = await runtime.createSession(await readFile(MODEL));
    const named = await session.run({ x: input() }, ["logits"]);
    const target: RuntimeTensor = { type: "float32", dims: [2, 10], data: new Float32Array(20) };
    await session.run({ x: input() }, { logits: target });
    await session.release();
    expect(target.data).toEqual(named.logits?.data);
    expect(target.data.some((value) => value !== 0)).toBe(true);
  },
);

test("both runtimes compute the same", async () => {
  const results: RuntimeTensor[] = [];
  for (const environment of ["", "wasm"]) {
    const session = await (await freshRuntime(environment)).createSession(await readFile(MODEL));
    const { logits } = await session.run({ x: input() });
    if (logits !== undefined) results.push(logits);
    await session.release();
  }
  const [native, wasm] = results;
  // One float32 rounding per sum of at most 100 terms, at logits of order one.
  for (const [i, value] of (native?.data ?? []).entries()) {
    expect(Math.abs(Number(value) - Number(wasm?.data[i]))).toBeLessThan(1e-5);
  }
  expect(native?.data.length).toBe(20);
});
