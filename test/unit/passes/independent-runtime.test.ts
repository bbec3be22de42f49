import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { FIXTURES } from "../../support/repository.ts";

/**
 * onnxjs shares no code with ONNX Runtime, so a fold that both agree on is not one runtime's quirk.
 * It knows few and old operators, hence the plain two-dimensional convolutions.
 */
interface OnnxJs {
  readonly Tensor: new (
    data: Float32Array,
    type: "float32",
    dims: readonly number[],
  ) => OnnxJsTensor;
  readonly InferenceSession: new (options: {
    backendHint: "cpu";
  }) => {
    loadModel(bytes: Uint8Array): Promise<void>;
    run(inputs: readonly OnnxJsTensor[]): Promise<ReadonlyMap<string, OnnxJsTensor>>;
  };
}
interface OnnxJsTensor {
  readonly data: Float32Array;
}

const onnxjs = createRequire(import.meta.url)("onnxjs") as OnnxJs;

const MODELS = readdirSync(FIXTURES).filter((file) =>
  /^(conv2d|grouped-conv|depthwise-conv|strided-dilated-conv)-bn.*\.onnx$/.test(file),
);

async function run(bytes: Uint8Array, dims: readonly number[]): Promise<Float32Array> {
  const session = new onnxjs.InferenceSession({ backendHint: "cpu" });
  await session.loadModel(bytes);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  const outputs = await session.run([new onnxjs.Tensor(values, "float32", dims)]);
  return [...outputs.values()][0]?.data ?? new Float32Array();
}

test.each(MODELS)("%s folded agrees with the original in onnxjs", async (file) => {
  const graph = parseModel(new Uint8Array(readFileSync(join(FIXTURES, file))));
  const type = graph.inputs[0]?.type?.value;
  const dims = (type?.case === "tensorType" ? (type.value.shape?.dim ?? []) : []).map((dim) =>
    dim.value.case === "dimValue" ? Number(dim.value.value) : 2,
  );
  const folded = foldBatchNorm.apply(graph, undefined, {}).graph;
  expect(folded.nodes.length).toBeLessThan(graph.nodes.length);
  const before = await run(encodeModel(graph), dims);
  const after = await run(encodeModel(folded), dims);
  const scale = Math.max(...before.map(Math.abs));
  expect(before.length).toBeGreaterThan(0);
  // Sums of at most a few hundred float32 products, rounded in another order.
  for (const [i, value] of before.entries()) {
    expect(Math.abs(value - (after[i] ?? Number.NaN))).toBeLessThan(1e-5 * scale);
  }
});
