import { afterAll, expect, it, vi } from "vitest";

afterAll(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

it("trains on WebAssembly too, where results are copied out", async () => {
  // The runtime is chosen once, when its module is asked for the first time.
  vi.resetModules();
  vi.stubEnv("NORMLENS_RUNTIME", "wasm");
  const { loadRuntime } = await import("../../../src/runtime/onnx-runtime.ts");
  const { linearTable, pick, runTraining, smallModel } = await import("./run-training.ts");
  expect((await loadRuntime()).name).toBe("onnxruntime-web");
  const { events } = await runTraining(smallModel(3, 1), {
    data: await linearTable(),
    loss: "mean-squared-error",
    optimizer: { kind: "sgd", learningRate: 0.1 },
    maxEpochs: 150,
  });
  expect(pick(events, "start")[0]?.runtime).toMatch(/^onnxruntime-web/);
  expect(Number(pick(events, "done")[0]?.testLoss)).toBeLessThan(1e-6);
});
