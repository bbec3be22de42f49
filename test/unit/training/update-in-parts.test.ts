import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../src/data/random.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { STEP_OPSET } from "../../../src/operators/operator.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { OPTIMIZERS } from "../../../src/training/optimizers/table.ts";
import { addInParts, type Parts, partsOf } from "../../../src/training/update-in-parts.ts";

const runtime = await loadRuntime();

describe("a tensor is divided", () => {
  it.each([
    [
      [512, 512],
      [1, 262_144],
    ],
    [
      [2048, 2048],
      [16, 262_144],
    ],
    [
      [512, 512, 3, 3],
      [9, 262_144],
    ],
    [
      [2048, 784],
      [7, 229_376],
    ],
  ])("%j into equal parts %j", (dims, parts) => {
    expect(partsOf(dims)).toEqual(parts);
  });

  it.each([[[100, 100]], [[1_000_003]]])("not where it is small or a prime: %j", (dims) => {
    expect(partsOf(dims)).toBeUndefined();
  });
});

describe("an update in parts has the bits of the whole update", () => {
  const elementwise = Object.entries(OPTIMIZERS).filter(([, each]) => each.elementwise);
  it.each(elementwise)("%s", async (kind, optimizer) => {
    const parts: Parts = [5, 301];
    const config = {
      ...DEFAULT_TRAINING_CONFIG.optimizer,
      kind: kind as keyof typeof OPTIMIZERS,
      momentum: 0.9,
      weightDecay: 0.1,
    };
    const slots = optimizer.slots(config);
    const names = ["parameter", "gradient", ...slots];
    const scalars = Object.entries(optimizer.scalars(config, 0.01, 3));
    const builder = new GraphBuilder([...names, ...scalars.map(([name]) => name)]);
    const compute = (values: ReadonlyMap<string, string>) => {
      const value = (name: string) => values.get(name) as string;
      const updated = optimizer.addUpdate({
        builder,
        config,
        parameter: value("parameter"),
        rank: 2,
        gradient: value("gradient"),
        decayed: true,
        slot: value,
        scalar: (name) => name,
      });
      const kept = slots.map((slot) => [slot, updated.slots[slot] as string] as const);
      return new Map([["parameter", updated.parameter], ...kept]);
    };
    const inputs = new Map(names.map((name) => [name, name]));
    const whole = [...compute(inputs).values()];
    const inParts = [...addInParts(builder, parts, inputs, compute).values()];
    const graph = builder.build(
      "updates",
      [
        ...names.map((name) => makeValueInfo(name, DataType.FLOAT, parts)),
        ...scalars.map(([name]) => makeValueInfo(name, DataType.FLOAT, [])),
      ],
      [...whole, ...inParts].map((name) => makeValueInfo(name, DataType.FLOAT, parts)),
      STEP_OPSET,
    );
    const random = seededRandom(4);
    const numbers = () => Float32Array.from({ length: 5 * 301 }, () => Math.abs(random.normal()));
    const feeds = Object.fromEntries([
      ...names.map((name) => [name, { type: "float32", dims: parts, data: numbers() }] as const),
      ...scalars.map(
        ([name, value]) =>
          [name, { type: "float32", dims: [], data: Float32Array.of(value) }] as const,
      ),
    ]);
    const session = await runtime.createSession(encodeModel(graph));
    const results = await session.run(feeds);
    await session.release();
    for (const [index, name] of whole.entries()) {
      expect(results[inParts[index] ?? ""]?.data).toEqual(results[name]?.data);
    }
    expect(results[whole[0] ?? ""]?.data).not.toEqual(feeds.parameter?.data);
  });
});
