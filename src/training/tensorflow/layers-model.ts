import type { Tensor } from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { seededRandom } from "../../data/random.ts";
import { InputError } from "../../graph/input-error.ts";
import type { TensorFlowModule } from "../../runtime/tensorflow.ts";
import { LOSSES, type LossKind } from "../losses/table.ts";
import type { Layer, LayerCall } from "./batch-norm.ts";
import { ioHandler, type LayersFile } from "./layers-file.ts";
import { withRandom } from "./with-random.ts";

/** Layers of the form activation(linear map), of which the loss can take the inside. */
const WITH_ACTIVATION = new Set([
  "Dense",
  "Activation",
  "Conv1D",
  "Conv2D",
  "Conv3D",
  "Conv2DTranspose",
  "Conv3DTranspose",
  "DepthwiseConv2D",
  "SeparableConv2D",
]);

/** Names of activations by the ONNX operator that a loss absorbs. */
const ACTIVATIONS: Readonly<Record<string, readonly string[]>> = {
  Softmax: ["softmax"],
  LogSoftmax: ["logSoftmax"],
  Sigmoid: ["sigmoid"],
};

/**
 * Builds the model of a file with its numbers.
 *
 * @param seed of fresh weights, which each layer's own initializer draws; undefined keeps the file's.
 * @throws InputError with TensorFlow.js's reason, such as a layer that it does not know.
 */
export async function loadLayersModel(
  tf: TensorFlowModule,
  file: LayersFile,
  seed?: number,
): Promise<LayersModel> {
  const random = seededRandom(seed ?? 0, "tensorflow weights");
  try {
    if (seed === undefined) return await tf.loadLayersModel(ioHandler(file));
    const fresh = { modelTopology: file.topology } as Parameters<typeof tf.models.modelFromJSON>[0];
    // Without weights to load the model is built at once, before the promise is given back.
    return await withRandom(random, () => tf.models.modelFromJSON(fresh));
  } catch (error) {
    throw new InputError(`TensorFlow.js cannot build the model: ${firstLine(error)}`, file.path);
  }
}

/** Of TensorFlow.js's messages, which go on with advice for programmers. */
export function firstLine(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return line.replace(/\.? This may be due to one of the following reasons:$/, "");
}

/** @throws InputError for a model that takes or gives anything but one tensor of known shape. */
export function sampleInput(model: LayersModel, path: string) {
  // A Sequential model without an input shape has neither yet.
  const { inputs = [], outputs = [] } = model as Partial<LayersModel>;
  const [input] = inputs;
  if (input === undefined || inputs.length !== 1 || outputs.length !== 1) {
    throw new InputError(
      `has ${inputs.length} inputs and ${outputs.length} outputs; training needs one of each`,
      path,
    );
  }
  const sampleShape = input.shape.slice(1).map((size) => size ?? undefined);
  return { name: input.name, sampleShape };
}

/** Makes the model put out what is before its last softmax or sigmoid, where the loss has that itself. */
export function absorbActivation(tf: TensorFlowModule, model: LayersModel, loss: LossKind): void {
  const names = LOSSES[loss].absorbs.flatMap((opType) => ACTIVATIONS[opType] ?? []);
  const last = outputLayer(model);
  if (last.inboundNodes.length > 1 && isAbsorbed(last, names)) {
    throw new InputError(
      `layer ${last.name}: is used ${last.inboundNodes.length} times, so that ${loss} cannot take its input in place of its output`,
    );
  }
  if (!isAbsorbed(last, names)) return;
  const open = last as unknown as { activation: unknown; call: LayerCall };
  if (last.getClassName() === "Softmax") {
    open.call = (inputs) => (Array.isArray(inputs) ? (inputs[0] as Tensor) : inputs);
  } else {
    const linear = tf.layers.activation({ activation: "linear" }) as unknown as typeof open;
    open.activation = linear.activation;
  }
}

function isAbsorbed(layer: Layer, names: readonly string[]): boolean {
  const className = layer.getClassName();
  if (className === "Softmax") return names.includes("softmax");
  if (!WITH_ACTIVATION.has(className)) return false;
  const { activation } = layer as unknown as { activation?: { getClassName?(): string } };
  return names.includes(activation?.getClassName?.() ?? "");
}

/** The layer that the output comes from, inside a nested model where that is the last. */
function outputLayer(model: LayersModel): Layer {
  const last = model.outputs[0]?.sourceLayer as Layer;
  const nested = last as unknown as { readonly layers?: unknown };
  return nested.layers === undefined ? last : outputLayer(last as unknown as LayersModel);
}
