import { expect, it } from "vitest";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { linearTable, pick, runTraining, smallModel } from "./run-training.ts";

// Read once, when this file's worker loads its runtime.
process.env.NORMLENS_RUNTIME = "wasm";

it("trains on WebAssembly too, where results are copied out", async () => {
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
