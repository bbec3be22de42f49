import { expect, it } from "vitest";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { STEP_OPSET } from "../../../src/operators/operator.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { wholeSum } from "../../../src/training/whole-sums.ts";

const DIMS = [1024, 1024];
const VALUES = Float32Array.from(
  { length: 1024 * 1024 },
  (_, index) => Math.sin(index * 1.7) * (1 + (index % 97)),
);

async function sumWith(opType: "ReduceL1" | "ReduceSumSquare", threads: number): Promise<number> {
  const builder = new GraphBuilder(["x"]);
  const total = wholeSum(builder, opType, "x", DIMS.length);
  const graph = builder.build(
    "sum",
    [makeValueInfo("x", DataType.FLOAT, DIMS)],
    [makeValueInfo(total, DataType.FLOAT, [])],
    STEP_OPSET,
  );
  const session = await (await loadRuntime()).createSession(encodeModel(graph), { threads });
  const results = await session.run({ x: { type: "float32", dims: DIMS, data: VALUES } }, [total]);
  await session.release();
  return Number(results[total]?.data[0]);
}

it.each([
  ["ReduceL1", Math.abs],
  ["ReduceSumSquare", (value: number) => value * value],
] as const)(
  "%s of a million numbers keeps its digits, on one thread and two",
  async (opType, term) => {
    const exact = VALUES.reduce((sum, value) => sum + term(value), 0);
    const sum = await sumWith(opType, 1);
    // In one go the error is 2e-5 and more.
    expect(Math.abs(sum / exact - 1)).toBeLessThan(2e-6);
    expect(await sumWith(opType, 2)).toBe(sum);
  },
);
