import { describe, expect, test } from "vitest";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { planTraining } from "../../../src/training/check-trainable.ts";
import {
  estimateMemory,
  freeMemory,
  refuseTooLarge,
} from "../../../src/training/memory-estimate.ts";
import { buildStepGraph } from "../../../src/training/step-graph.ts";
import { stepOptions } from "../../../src/training/step-options.ts";

/** x → a → b → view of b → c → y, all of [10, 25] float32: 1000 bytes each. */
function chain() {
  const builder = new GraphBuilder();
  const target = builder.ints([250]);
  builder.nodes.push(
    makeNode("Relu", ["x"], ["a"]),
    makeNode("Exp", ["a"], ["b"]),
    makeNode("Reshape", ["b", target], ["flat"]),
    makeNode("Sigmoid", ["flat"], ["c"]),
    makeNode("Tanh", ["c"], ["y"]),
  );
  const info = (name: string, shape: readonly number[]) =>
    makeValueInfo(name, DataType.FLOAT, shape);
  return builder.build("chain", [info("x", [10, 25])], [info("y", [250])], 17);
}

async function stepOf(batchSize: number) {
  const config = { ...DEFAULT_TRAINING_CONFIG, batchSize };
  const model = await readModel("media/samples/digits-cnn.onnx");
  return buildStepGraph(
    stepOptions(planTraining(model, await openDataset("digits"), config), config),
  );
}

describe("the memory of a run", () => {
  test("counts what is alive together, and views and outputs not", async () => {
    const { evaluating } = estimateMemory(await stepOf(4), chain());
    expect(evaluating).toBe(2000);
  });

  test("grows with the batch but for parameters, of which Adam has three", async () => {
    const [small, large] = [await stepOf(8), await stepOf(64)].map((step) =>
      estimateMemory(step, chain()),
    );
    expect((large?.working ?? 0) / (small?.working ?? 1)).toBeGreaterThan(7);
    expect(large?.state).toBe(small?.state);
    // digits-cnn: 24,058 parameters and 224 running statistics, 4 bytes each.
    const [parameters, statistics] = [4 * 24_058, 4 * 224];
    expect(large?.state).toBe(2 * (3 * parameters + statistics) + 2 * (parameters + statistics));
  });

  test("is refused where it is not there, with the batch size that fits", () => {
    const estimate = { state: 1e9, working: 4e9, evaluating: 0, total: 5e9 };
    expect(() => refuseTooLarge(estimate, 64, 5e9)).not.toThrow();
    expect(() => refuseTooLarge(estimate, 64, 3e9)).toThrow(
      "batchSize 64: training needs about 5.00 GB of memory, and 3.00 GB are free; batchSize 32 fits",
    );
    expect(() => refuseTooLarge(estimate, 64, 1e9)).toThrow("no batch size would fit");
  });

  test("free is a part of what the machine has", () => {
    expect(freeMemory()).toBeGreaterThan(2 ** 20);
    expect(freeMemory()).toBeLessThan(2 ** 50);
  });
});
