import type { Tensor, Variable } from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Dataset } from "../../data/dataset.ts";
import type { Split } from "../../data/split.ts";
import { DataType, dataTypeName } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import type { InputScaling, TrainingConfig, TrainingEvent } from "../../protocol/training.ts";
import type { TensorFlowModule } from "../../runtime/tensorflow.ts";
import type { Weights } from "../evaluate.ts";
import { dataFingerprint } from "../fingerprint.ts";
import type { LossSettings } from "../losses/loss.ts";
import { openTrainingData } from "../open-training-data.ts";
import { planSamples, planTargets } from "../plan-samples.ts";
import { trainBatchNormalization } from "./batch-norm.ts";
import { refuseOptions } from "./check-options.ts";
import { type WeightParts, weightParts } from "./layer-weights.ts";
import { type LayersFile, readLayersFile, weightValues } from "./layers-file.ts";
import { absorbActivation, firstLine, loadLayersModel, sampleInput } from "./layers-model.ts";
import { requireSameFunction } from "./same-function.ts";
import { numbersOf, setWeights } from "./tensor-step.ts";

type StartEvent = Extract<TrainingEvent, { event: "start" }>;

/** What a run on TensorFlow works on, found possible before anything is written. */
export interface TensorPlan {
  readonly file: LayersFile;
  readonly model: LayersModel;
  readonly parts: WeightParts;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly batchSize: number;
  /** Of one batch. */
  readonly inputShape: readonly number[];
  readonly settings: LossSettings;
  /** Weights and running statistics at the first step. */
  readonly initial: Weights;
  readonly fingerprint: StartEvent["fingerprint"];
  readonly inputScaling?: InputScaling;
}

/**
 * Reads model and data and tries them together.
 *
 * @throws InputError naming the option, the file, the layer or the data in the way.
 */
export async function prepareOnTensorFlow(
  tf: TensorFlowModule,
  modelPath: string,
  config: TrainingConfig,
): Promise<TensorPlan> {
  refuseOptions(config);
  const file = await readLayersFile(modelPath);
  const fresh = config.weights === "fresh";
  const model = await loadLayersModel(tf, file, fresh ? config.seed : undefined);
  const input = sampleInput(model, modelPath);
  const { data, inputScaling } = await openTrainingData(config, input);
  const { samples, split, batchSize } = planSamples(data, input, config);
  const parts = weightParts(model, config);
  requireInFile(parts.all, file);
  const drawn = valuesOf(parts);
  for (const { layer, frozen } of parts.normalizations) {
    trainBatchNormalization(tf, layer, config, frozen);
  }
  const inputShape = [batchSize, ...samples.sampleShape];
  const output = { name: model.outputNames[0] ?? "", shape: outputShape(tf, model, inputShape) };
  const { dataset, settings } = planTargets(samples, output, split, config);
  // TensorFlow.js brings weights into their constraints when it loads them, which no step has asked
  // for, and the trial has changed running statistics.
  setWeights(tf, parts.all, weightValues(file));
  if (file.keras !== undefined) {
    const { graph } = file.keras;
    await requireSameFunction({ tf, model, graph, dataset, rows: split.train });
  }
  absorbActivation(tf, model, config.loss);
  if (fresh) setWeights(tf, parts.all, withoutKept(drawn, parts));
  const initial = valuesOf(parts);
  const fingerprint = { model: file.fingerprint, data: dataFingerprint(data) };
  return {
    file,
    model,
    parts,
    dataset,
    split,
    batchSize,
    inputShape,
    settings,
    initial,
    fingerprint,
    ...(inputScaling === undefined ? {} : { inputScaling }),
  };
}

/** @throws InputError for a weight that the trained file could not hold. */
function requireInFile(all: ReadonlyMap<string, Variable>, { weights, path }: LayersFile): void {
  const stored = new Map(weights.map((weight) => [weight.name, weight]));
  for (const [name, { shape }] of all) {
    const weight = stored.get(name);
    if (weight === undefined) throw new InputError(`weightsManifest: has no weight ${name}`, path);
    if (weight.dataType !== DataType.FLOAT || weight.dims.join() !== shape.join()) {
      throw new InputError(
        `weightsManifest: weight ${name} is ${dataTypeName(weight.dataType)} [${weight.dims}]; the layers need float32 [${shape}]`,
        path,
      );
    }
  }
}

function valuesOf({ all }: WeightParts): Weights {
  return new Map([...all].map(([name, variable]) => [name, numbersOf(variable)]));
}

/** What is frozen keeps the file's numbers also where the rest starts fresh. */
function withoutKept(drawn: Weights, { kept }: WeightParts): Weights {
  return new Map([...drawn].filter(([name]) => !kept.has(name)));
}

/** Runs one batch of zeros as a training step would. The running statistics it changes are set anew. */
function outputShape(
  tf: TensorFlowModule,
  model: LayersModel,
  inputShape: readonly number[],
): readonly number[] {
  const shape = tf.tidy(() => {
    try {
      const output = model.apply(tf.zeros([...inputShape]), { training: true }) as Tensor;
      return [...output.shape];
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw new InputError(`TensorFlow.js cannot train the model: ${firstLine(error)}`);
    }
  });
  if (shape[0] !== inputShape[0]) {
    throw new InputError(
      `the output has shape [${shape.join(", ")}] for a batch of ${inputShape[0]}; its first dimension must be the batch`,
    );
  }
  return shape;
}
