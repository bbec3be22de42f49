import { splitSamples } from "../data/split.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { checkedOptions } from "../passes/options.ts";
import { findPass } from "../passes/registry.ts";
import { needsData } from "../protocol/technique-options.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { checkConfig } from "../training/config.ts";
import { withFreshWeights } from "../training/fresh-model.ts";
import { openTrainingData } from "../training/open-training-data.ts";
import { separateParameters } from "../training/separate-parameters.ts";
import type { TrainOptions } from "../training/train.ts";
import type { RequestContext } from "./context.ts";
import { sampleRuns } from "./sample-runs.ts";

/** A model to train, and whether its weights are those to start from. */
export type PreparedModel = Pick<TrainOptions, "graph" | "prepared">;

/**
 * The model as a run trains it, the same each time, so that a run can go on with it: parameters that
 * the file stores together because they were equal have a tensor each, and the passes that the run's
 * options put before training have been applied, such as the insertion of BatchNorm. Where training
 * starts from fresh weights, so do the passes: a data-dependent start would be lost otherwise. Passes that measure do so on the training part of the data alone.
 *
 * @throws InputError where a pass finds no place: a run without the technique it is named after
 *   would mislead.
 */
export async function preparedModel(
  model: Graph,
  config: TrainingConfig,
  context: RequestContext,
): Promise<PreparedModel> {
  const graph = separateParameters(model);
  if (config.passes.length === 0) return { graph, prepared: false };
  checkConfig(config);
  let prepared = config.weights === "fresh" ? withFreshWeights(graph, config) : graph;
  for (const step of config.passes) {
    const pass = findPass(step.pass);
    const options = checkedOptions(pass, step.options);
    const measure = pass.applyOnData;
    const result =
      measure !== undefined && needsData(pass, options)
        ? await measure(
            prepared,
            step.sites,
            options,
            await trainingPart(prepared, config, context),
          )
        : pass.apply(prepared, step.sites, options);
    if (result.applied.length === 0) {
      const reason = result.skipped[0]?.reason ?? "The model has no place for it.";
      throw new InputError(`passes: ${pass.id} changes nothing. ${reason}`);
    }
    prepared = result.graph;
  }
  return { graph: prepared, prepared: true };
}

/** The same for a run that is ended by somebody else. */
export function prepares(context: RequestContext) {
  return async (model: Graph, config: TrainingConfig): Promise<Graph> =>
    (await preparedModel(model, config, context)).graph;
}

async function trainingPart(graph: Graph, config: TrainingConfig, context: RequestContext) {
  const { data: dataset } = await openTrainingData(config, graph);
  const { train } = splitSamples(dataset, config.split, config.seed);
  return sampleRuns(dataset, train, context);
}
