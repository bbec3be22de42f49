import type { Tensor, Variable } from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { InputError } from "../../graph/input-error.ts";
import type { TrainingConfig } from "../../protocol/training.ts";
import { nameMatcher } from "../frozen.ts";
import type { WeightPenalty } from "../weight-penalty.ts";
import type { Layer } from "./batch-norm.ts";

/** A weight that training changes. */
export interface TrainedWeight {
  /** As in the file's manifest, for example "conv1/kernel". */
  readonly name: string;
  readonly variable: Variable;
  /** What L2, L1 and weight decay are of by default; not a bias, a scale or a slope. */
  readonly isWeight: boolean;
  /** Axes over which the weights of one output unit lie; absent where max-norm leaves it alone. */
  readonly unitAxes?: readonly number[];
  /** The layer's own constraint, which TensorFlow.js' optimizers pass by. */
  readonly constraint?: { apply(weight: Tensor): Tensor };
  /** The layer's own regularizer; absent where it has none. */
  readonly penalty?: WeightPenalty;
}

export interface WeightParts {
  readonly trained: readonly TrainedWeight[];
  /** Every weight of the file by name, running statistics and frozen ones included. */
  readonly all: ReadonlyMap<string, Variable>;
  /** Names of those that keep the file's numbers where the rest starts fresh. */
  readonly kept: ReadonlySet<string>;
  /** Layers of the class BatchNormalization, and whether each is frozen. */
  readonly normalizations: readonly { readonly layer: Layer; readonly frozen: boolean }[];
}

/** Last part of a weight's name, where it is a weight in the narrow sense. */
const WEIGHT = /(^|[_/])(kernel|embeddings)(_\d+)?$/;

/** By the class of the layer and the last part of the name: the axes that one output unit's weights take. */
const UNIT_AXES: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
  Dense: { kernel: [0] },
  Conv1D: { kernel: [0, 1] },
  Conv2D: { kernel: [0, 1, 2] },
  Conv3D: { kernel: [0, 1, 2, 3] },
  // Height, width, output, input.
  Conv2DTranspose: { kernel: [0, 1, 3] },
  Conv3DTranspose: { kernel: [0, 1, 2, 4] },
  // One filter an input channel and multiplier.
  DepthwiseConv2D: { depthwise_kernel: [0, 1] },
  SeparableConv2D: { depthwise_kernel: [0, 1], pointwise_kernel: [0, 1, 2] },
};

interface LayerWeight {
  readonly originalName: string;
  readonly constraint?: TrainedWeight["constraint"] | null;
  read(): unknown;
}

/**
 * What a run trains of a layers model, and what stays: layers that the file calls not trainable, and
 * what config.frozen names, by weight or by layer.
 *
 * @throws InputError for a name that nothing has, and where nothing is left to train.
 */
export function weightParts(
  model: LayersModel,
  { frozen, fromModel }: Pick<TrainingConfig, "frozen" | "fromModel">,
): WeightParts {
  const matches = nameMatcher(frozen.names);
  const all = new Map<string, Variable>();
  const trained: TrainedWeight[] = [];
  const normalizations: { layer: Layer; frozen: boolean }[] = [];
  const known: string[] = [];
  for (const layer of leafLayers(model)) {
    if (!fromModel.trainable) layer.trainable = true;
    for (const weight of weightsOf(layer.weights)) all.set(weight.originalName, variableOf(weight));
    const className = layer.getClassName();
    const names = [layer.name, ...weightsOf(layer.weights).map(({ originalName }) => originalName)];
    if (names.length > 1) known.push(...names);
    if (className === "BatchNormalization") {
      const keeps = !layer.trainable || (names.some(matches) && !frozen.updateStatistics);
      normalizations.push({ layer, frozen: keeps });
    }
    for (const weight of weightsOf(layer.trainableWeights)) {
      const name = weight.originalName;
      if (matches(name) || matches(layer.name)) continue;
      const part = name.split("/").at(-1)?.replace(/_\d+$/, "") ?? "";
      const unitAxes = UNIT_AXES[className]?.[part];
      const penalty = ownPenalty(layer, part);
      trained.push({
        name,
        variable: variableOf(weight),
        isWeight: WEIGHT.test(name),
        ...(unitAxes === undefined ? {} : { unitAxes }),
        ...(weight.constraint ? { constraint: weight.constraint } : {}),
        ...(penalty === undefined ? {} : { penalty }),
      });
    }
  }
  checkNames(frozen.names, known, trained.length);
  return { trained, all, kept: keptNames(all, trained, normalizations), normalizations };
}

/** All but what is trained, and the statistics of normalizations that are not frozen. */
function keptNames(
  all: ReadonlyMap<string, Variable>,
  trained: readonly TrainedWeight[],
  normalizations: WeightParts["normalizations"],
): ReadonlySet<string> {
  const kept = new Set(all.keys());
  for (const { name } of trained) kept.delete(name);
  for (const { layer, frozen } of normalizations) {
    const statistics = weightsOf(layer.weights).filter(({ originalName }) =>
      STATISTIC.test(originalName),
    );
    if (!frozen) for (const { originalName } of statistics) kept.delete(originalName);
  }
  return kept;
}

const STATISTIC = /(^|[_/])moving_(mean|variance)(_\d+)?$/;

/** TensorFlow.js' only regularizer, Keras' l1·Σ|w| + l2·Σw², which has no ½. */
interface Regularizer {
  getConfig(): { readonly l1?: unknown; readonly l2?: unknown };
}

/**
 * The regularizer that a layer, or the cell of a recurrent one, states for a weight: kernelRegularizer
 * of "kernel", depthwiseRegularizer of "depthwise_kernel". TensorFlow.js itself adds that of a layer
 * that is called twice twice, and none of a recurrent layer; here as in Keras each weight has its own once.
 */
function ownPenalty(layer: Layer, weight: string): WeightPenalty | undefined {
  const field = `${weight.replace(/(.)_kernel$/, "$1")}Regularizer`;
  const { cell = layer } = layer as unknown as { readonly cell?: object };
  const regularizer = (cell as Readonly<Record<string, Regularizer | null | undefined>>)[field];
  if (!regularizer) return undefined;
  const { l1, l2 } = regularizer.getConfig();
  return { l1: Number(l1 ?? 0), l2: 2 * Number(l2 ?? 0) };
}

function checkNames(patterns: readonly string[], known: readonly string[], trained: number): void {
  for (const pattern of patterns) {
    if (known.some(nameMatcher([pattern]))) continue;
    throw new InputError(
      `frozen.names: "${pattern}" matches no weight and no layer with weights; there are ${known.slice(0, 3).join(", ")}, …`,
    );
  }
  if (trained > 0) return;
  throw new InputError(
    patterns.length > 0
      ? "frozen.names: every weight is frozen; nothing is left to train"
      : "the model has nothing to train: no layer has a trainable weight; with fromModel.trainable false those are trained that the file calls not trainable",
  );
}

/** Every layer that is no container, once, in the model's order; also those in nested models. */
export function leafLayers(model: LayersModel): readonly Layer[] {
  const found = new Set<Layer>();
  const visit = (layer: Layer) => {
    const parts = innerLayers(layer);
    if (parts.length === 0) found.add(layer);
    for (const part of parts) visit(part);
  };
  for (const layer of model.layers) visit(layer as Layer);
  return [...found];
}

/** Of a nested model, or of a wrapper such as TimeDistributed and Bidirectional. */
function innerLayers(layer: Layer): readonly Layer[] {
  const container = layer as unknown as {
    readonly layers?: readonly Layer[];
    readonly forwardLayer?: Layer;
    readonly backwardLayer?: Layer;
    readonly layer?: Layer;
  };
  const { layers, forwardLayer, backwardLayer, layer: wrapped } = container;
  if (layers !== undefined) return layers;
  return [forwardLayer, backwardLayer, forwardLayer === undefined ? wrapped : undefined].filter(
    (part) => part !== undefined,
  );
}

function weightsOf(weights: readonly unknown[]): readonly LayerWeight[] {
  return weights as readonly LayerWeight[];
}

/** LayerVariable.read gives the variable itself. */
function variableOf(weight: LayerWeight): Variable {
  return weight.read() as Variable;
}
