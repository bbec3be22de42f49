import { createRequire } from "node:module";

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

export interface Samples {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/**
 * What onnxjs computes on its own JavaScript kernels: a runtime that shares no code with ONNX Runtime.
 *
 * @param model bytes of an ONNX file.
 * @returns the numbers of each output by name.
 */
export async function runInOnnxJs(
  model: Uint8Array,
  inputs: readonly Samples[],
): Promise<ReadonlyMap<string, Float32Array>> {
  const session = new onnxjs.InferenceSession({ backendHint: "cpu" });
  await session.loadModel(model);
  const tensors = inputs.map(({ data, dims }) => new onnxjs.Tensor(data, "float32", dims));
  const outputs = await session.run(tensors);
  return new Map([...outputs].map(([name, { data }]) => [name, data]));
}
