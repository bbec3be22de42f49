import { encodeModel } from "../formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { BLOCKED_DOMAIN } from "../operators/conv-blocked.ts";
import { STEP_OPSET } from "../operators/operator.ts";
import type { Runtime } from "../runtime/runtime.ts";

const blocks = new WeakMap<Runtime, Promise<number>>();

/**
 * How many channels ONNX Runtime's blocked convolutions take at a time on this machine: what it makes
 * of an image of four channels. 1 where it has no such kernels, as in WebAssembly.
 */
export function channelBlock(runtime: Runtime): Promise<number> {
  const known = blocks.get(runtime) ?? measureBlock(runtime).catch(() => 1);
  blocks.set(runtime, known);
  return known;
}

async function measureBlock(runtime: Runtime): Promise<number> {
  const shape = [1, 4, 1, 1];
  const builder = new GraphBuilder(["image"]);
  const blocked = builder.add("ReorderInput", ["image"], { domain: BLOCKED_DOMAIN });
  const inputs = [makeValueInfo("image", DataType.FLOAT, shape)];
  const outputs = [makeValueInfo(blocked, DataType.FLOAT, [1, "channels", 1, 1])];
  const graph = builder.build("channel block", inputs, outputs, STEP_OPSET);
  const session = await runtime.createSession(encodeModel(graph), { optimization: "disabled" });
  try {
    const image = { type: "float32", dims: shape, data: new Float32Array(4) } as const;
    const result = await session.run({ image });
    return Math.max(result[blocked]?.dims[1] ?? 1, 1);
  } finally {
    await session.release();
  }
}
