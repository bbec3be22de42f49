import { allocateBatch, fillBatch } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import { encodeModel } from "../formats/onnx/write.ts";
import type { Graph } from "../graph/graph.ts";
import { usualRecipes } from "../operators/conv-recipes.ts";
import type { ForwardMode } from "../operators/operator.ts";
import { DEFAULT_TRAINING_CONFIG } from "../protocol/default-training-config.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import type { Runtime, RuntimeTensor } from "../runtime/runtime.ts";
import { batchFeeds } from "./batch-feeds.ts";
import { planTraining } from "./check-trainable.ts";
import { channelBlock } from "./conv-machine.ts";
import { buildGradientGraph } from "./gradient-graph.ts";
import type { LossKind } from "./losses/table.ts";
import { initialValues } from "./parameters.ts";
import { separateParameters } from "./separate-parameters.ts";
import { trainingSession } from "./step-session.ts";
import { letCancel } from "./turns.ts";

export interface ModelGradientsOptions {
  readonly graph: Graph;
  /** All its samples are one batch, in their order. */
  readonly dataset: Dataset;
  readonly loss: LossKind;
  /** "training" normalizes with the batch's statistics and drops what a run of seed 0 would. */
  readonly mode: ForwardMode;
  readonly runtime: Runtime;
  /** Threads inside one operator; 0 lets the runtime decide. */
  readonly threads: number;
  readonly signal?: AbortSignal;
}

export interface ModelGradients {
  /** The mean over the batch. */
  readonly loss: number;
  /** In the order of the nodes that read the parameters. */
  readonly gradients: readonly ParameterGradient[];
}

export interface ParameterGradient {
  /** The parameter's name in the file. */
  readonly name: string;
  readonly shape: readonly number[];
  /** ∂loss/∂parameter, row-major. */
  readonly values: Float32Array;
}

/**
 * The gradient of the loss for what training would change, with the weights that the model holds,
 * computed as a training step computes it. Parameters that the file stores together because they were
 * equal have a gradient each.
 *
 * @throws InputError where model, data and loss do not fit together, as training would.
 */
export async function modelGradients(options: ModelGradientsOptions): Promise<ModelGradients> {
  const { mode, runtime, threads, signal } = options;
  // A test part of the data's own is no less part of the batch.
  const { parts: _, ...dataset } = options.dataset;
  const graph = separateParameters(options.graph);
  const config: TrainingConfig = {
    ...DEFAULT_TRAINING_CONFIG,
    loss: options.loss,
    split: { train: 1, validation: 0, test: 0 },
    batchSize: dataset.count,
    weights: "keep",
  };
  const plan = planTraining(graph, dataset, config, mode);
  const convolutions = usualRecipes({ channelBlock: await channelBlock(runtime) });
  const built = buildGradientGraph(plan, config, mode, convolutions);
  const batch = allocateBatch(plan.dataset, plan.batchSize);
  await fillBatch(batch, plan.dataset, plan.split.train.toSorted(), 0);
  const feeds: Record<string, RuntimeTensor> = { ...batchFeeds(built, batch) };
  for (const [name, data] of initialValues(graph, built.fed)) {
    feeds[name] = { type: "float32", dims: graph.initializers.get(name)?.dims ?? [], data };
  }
  await letCancel(signal);
  const session = await runtime.createSession(encodeModel(built.graph), trainingSession(threads));
  try {
    await letCancel(signal);
    const results = await session.run(feeds);
    await letCancel(signal);
    return {
      loss: Number(results[built.loss]?.data[0]),
      gradients: [...built.gradients].map(([name, output]) => {
        const { dims, data } = results[output] as RuntimeTensor;
        return { name, shape: dims, values: data as Float32Array };
      }),
    };
  } finally {
    await session.release();
  }
}
