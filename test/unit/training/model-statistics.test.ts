import { describe, expect, it } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { valueStatistics } from "../../../src/statistics/value-statistics.ts";
import { partFor } from "../../../src/training/forward-part.ts";
import { modelStatistics } from "../../../src/training/model-statistics.ts";
import { openInMemory } from "../../support/memory-dataset.ts";

describe("statistics of a model's values", () => {
  it("take what enters the nonlinearities, over all samples, exactly", async () => {
    const runtime = await loadRuntime();
    const graph = await readModel("media/samples/digits-cnn.onnx");
    const values = await modelStatistics({ graph, data: "digits", runtime });
    expect(values.map((value) => value.name)).toEqual(["bn1", "bn2", "bn3"]);
    expect(values.map((value) => value.count)).toEqual(
      [16, 32, 16].map((size) => 1797 * size * 64),
    );

    const digits = await openInMemory("digits");
    const session = await runtime.createSession(encodeModel(partFor(graph, ["bn3"])));
    const feed = { type: "float32" as const, dims: [1797, 1, 8, 8], data: digits.features };
    const { bn3 } = await session.run({ x: feed }, ["bn3"]);
    await session.release();
    const whole = valueStatistics("bn3", bn3?.data as Float32Array);
    expect(values[2]?.histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(whole.count);
    expect(Number(values[2]?.mean)).toBeCloseTo(Number(whole.mean), 6);
    expect(Number(values[2]?.quantiles["0.85"])).toBeCloseTo(Number(whole.quantiles["0.85"]), 5);
  });

  it("take nodes and values by name, in graph order, and refuse unknown ones", async () => {
    const runtime = await loadRuntime();
    const graph = await readModel("media/samples/digits-mlp.onnx");
    const nodes = ["logits", "sigmoid1"];
    const values = await modelStatistics({ graph, data: "digits", nodes, runtime });
    expect(values.map((value) => value.name)).toEqual(["sigmoid1", "logits"]);
    const unknown = modelStatistics({ graph, data: "digits", nodes: ["relu9"], runtime });
    await expect(unknown).rejects.toThrow('nodes: the model has no node or value "relu9"');
  });
});
