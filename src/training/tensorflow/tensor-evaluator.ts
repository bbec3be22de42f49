import type { Tensor, Variable } from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { allocateBatch } from "../../data/batches.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { RuntimeTensor } from "../../runtime/runtime.ts";
import type { TensorFlowModule } from "../../runtime/tensorflow.ts";
import type { Evaluation, ModelEvaluator, Weights } from "../evaluate.ts";
import { evaluateBatches } from "../evaluate-batches.ts";
import type { LossSettings } from "../losses/loss.ts";
import type { LossKind } from "../losses/table.ts";
import type { Turns } from "../turns.ts";
import { numbersOf, setWeights } from "./tensor-step.ts";

export interface TensorEvaluatorOptions {
  readonly tf: TensorFlowModule;
  readonly model: LayersModel;
  readonly all: ReadonlyMap<string, Variable>;
  readonly batchSize: number;
  readonly loss: LossKind;
  readonly settings: LossSettings;
}

/** The model at inference, on TensorFlow. */
export class TensorEvaluator implements ModelEvaluator {
  readonly #options: TensorEvaluatorOptions;

  constructor(options: TensorEvaluatorOptions) {
    this.#options = options;
  }

  /** As Evaluator.evaluate; the model has these weights afterwards. */
  async evaluate(
    dataset: Dataset,
    rows: Int32Array,
    weights: Weights,
    turns: Pick<Turns, "cancelled">,
  ): Promise<Evaluation | undefined> {
    const { tf, all, batchSize, loss, settings } = this.#options;
    setWeights(tf, all, weights);
    const batch = allocateBatch(dataset, batchSize);
    const outputOf = () => this.#run(batch.features, [batch.size, ...dataset.sampleShape]);
    const evaluation = { loss, lossSettings: settings, batch, outputOf };
    return evaluateBatches(dataset, rows, evaluation, turns);
  }

  /** Values inside a layers model are not watched. */
  async activations(): Promise<ReadonlyMap<string, RuntimeTensor>> {
    return new Map();
  }

  #run(features: Float32Array, shape: readonly number[]): Float32Array {
    const { tf, model } = this.#options;
    const output = tf.tidy(
      () => model.apply(tf.tensor(features, [...shape]), { training: false }) as Tensor,
    );
    const numbers = numbersOf(output);
    output.dispose();
    return numbers;
  }
}
