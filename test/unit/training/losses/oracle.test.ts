import { describe, expect, it } from "vitest";
import type { Batch } from "../../../../src/data/batches.ts";
import { encodeModel } from "../../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../../../../src/graph/builder.ts";
import { DataType } from "../../../../src/graph/data-type.ts";
import { STEP_OPSET } from "../../../../src/operators/operator.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";
import type { RuntimeTensor } from "../../../../src/runtime/runtime.ts";
import { LossMeter } from "../../../../src/training/loss-meter.ts";
import type { LossSettings } from "../../../../src/training/losses/loss.ts";
import { LOSSES, type LossKind } from "../../../../src/training/losses/table.ts";
import goldens from "../../../oracles/losses.json" with { type: "json" };

interface Golden {
  readonly name: string;
  readonly loss: string;
  readonly settings: LossSettings;
  readonly shape: readonly number[];
  readonly output: readonly number[];
  readonly target: readonly number[];
  readonly value: number;
  readonly gradient: readonly number[];
  readonly measured: number;
}

/** The graph's float32 loss and gradient, and the meter's float64 loss. */
async function compute({ loss, settings, shape, output, target }: Golden) {
  const rule = LOSSES[loss as LossKind];
  const labels = settings.targets === "classes";
  const targetShape = labels ? shape.slice(0, 1) : shape;
  const builder = new GraphBuilder(["y", "t"]);
  const added = rule.add(builder, { output: "y", shape, target: "t", settings });
  const graph = builder.build(
    "loss",
    [
      makeValueInfo("y", DataType.FLOAT, shape),
      makeValueInfo("t", labels ? DataType.INT64 : DataType.FLOAT, targetShape),
    ],
    [
      makeValueInfo(added.loss, DataType.FLOAT, []),
      makeValueInfo(added.gradient, DataType.FLOAT, shape),
    ],
    STEP_OPSET,
  );
  const batch: Batch = {
    size: shape[0] ?? 1,
    features: new Float32Array(0),
    labels: labels ? BigInt64Array.from(target, (label) => BigInt(label)) : new BigInt64Array(0),
    values: labels ? new Float32Array(0) : Float32Array.from(target),
  };
  const values = Float32Array.from(output);
  const session = await (await loadRuntime()).createSession(encodeModel(graph), {});
  const results = await session.run(
    {
      y: { type: "float32", dims: shape, data: values },
      t: labels
        ? { type: "int64", dims: targetShape, data: batch.labels }
        : { type: "float32", dims: targetShape, data: batch.values },
    },
    [added.loss, added.gradient],
  );
  await session.release();
  const meter = new LossMeter(loss as LossKind, settings);
  meter.add(values, batch, batch.size);
  return {
    value: Number(results[added.loss]?.data[0]),
    gradient: [...(results[added.gradient] as RuntimeTensor).data].map(Number),
    measured: meter.result().loss,
  };
}

describe("losses are PyTorch's", () => {
  for (const golden of goldens.cases as readonly Golden[]) {
    it(golden.name, async () => {
      const { value, gradient, measured } = await compute(golden);
      // float32 against float64: a few roundings of 6e-8 each.
      expect(Math.abs(value - golden.value)).toBeLessThan(2e-6 * Math.abs(golden.value));
      expect(Math.abs(measured - golden.measured)).toBeLessThan(1e-9 * Math.abs(golden.measured));
      const scale = Math.max(...golden.gradient.map(Math.abs));
      for (const [index, expected] of golden.gradient.entries()) {
        expect(Math.abs((gradient[index] ?? Number.NaN) - expected)).toBeLessThan(1e-6 * scale);
      }
    });
  }
});
