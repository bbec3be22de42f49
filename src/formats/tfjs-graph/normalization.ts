import { plain } from "./activation.ts";
import { CHANNEL_LIST } from "./constant-layout.ts";
import { imageInput } from "./image.ts";
import type { Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { ConstantUse, TensorValue } from "./tensor-value.ts";

/**
 * y = γ·(x − μ)/√(σ² + ε) + β for each channel, with the stored μ and σ². Its further results are of
 * use in training only, and nothing may read them here.
 */
function fusedBatchNorm(operation: Operation): readonly TensorValue[] | undefined {
  const { attributes, node, context } = operation;
  // TensorFlow.js always takes the stored statistics; a file that means others keeps its operator.
  const training = attributes.flag("is_training");
  const others = context
    .readers(node.name)
    .some(({ inputs }) => inputs.some((input) => input.node === node.name && input.output > 0));
  if (training || others) return undefined;
  const image = imageInput(operation);
  const channels = image.channels ?? operation.input(1).constant?.dims[0] ?? null;
  const parameters = [1, 2, 3, 4].map((index) => {
    const { constant } = operation.input(index);
    if (constant !== undefined && (constant.dims.length !== 1 || constant.dims[0] !== channels)) {
      operation.refuse(`input ${index} has shape [${constant.dims}]; [${channels}] is needed`);
    }
    return operation.constant(index, CHANNEL_LIST);
  });
  if (parameters.includes(undefined)) return undefined;
  const operands = [image.value, ...(parameters as ConstantUse[])];
  // The default of TensorFlow.js; TensorFlow itself always states it.
  const epsilon = { float: attributes.number("epsilon", 1e-3) };
  const value = operation.add("main", "BatchNormalization", operands, { epsilon });
  return [plain(image.result(value, channels, image.positions))];
}

/**
 * y = x/(bias + α·Σ x²)^β with the sum over the channels at most `depth_radius` away; ONNX divides the
 * sum by the number of channels in it.
 */
function localResponse(operation: Operation): readonly TensorValue[] {
  const { attributes } = operation;
  const image = imageInput(operation);
  const size = 2 * attributes.integer("depth_radius", 5) + 1;
  if (size < 1) operation.refuse(`its depth_radius is ${(size - 1) / 2}`);
  const value = operation.add("main", "LRN", [image.value], {
    alpha: { float: attributes.number("alpha", 1) * size },
    beta: { float: attributes.number("beta", 0.5) },
    bias: { float: attributes.number("bias", 1) },
    size: { int: size },
  });
  return [image.result(value, image.channels, image.positions)];
}

export const normalizationOperators: readonly OperationRule[] = [
  {
    operators: ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"],
    build: fusedBatchNorm,
  },
  { operators: ["LRN"], build: localResponse },
];
