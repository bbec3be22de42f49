import { type Dataset, withSampleShape } from "../data/dataset.ts";
import type { ModelExpectation } from "../data/examination/examined-data.ts";
import { examineDataset } from "../data/examine-dataset.ts";
import { modelInputScaling } from "../data/input-scaling-note.ts";
import { asModelTakes } from "../data/model-input-scaling.ts";
import { openDataset } from "../data/open-dataset.ts";
import { measureScaling, scaledInputs } from "../data/scale-inputs.ts";
import type { Split } from "../data/split.ts";
import type { Graph } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { channelShifts } from "../passes/batch-norm-shift.ts";
import { batchNormCandidates, measureBatchNorms } from "../passes/batch-norm-statistics.ts";
import type { BatchNormalization } from "../passes/batch-normalization.ts";
import { isRefusal } from "../passes/refusal.ts";
import type { DataReport } from "../protocol/data-report.ts";
import type { DataRequest } from "../protocol/engine.ts";
import { sampleInput } from "../training/forward-part.ts";
import { LOSSES } from "../training/losses/table.ts";
import type { RequestContext } from "./context.ts";
import { sampleRuns } from "./sample-runs.ts";

/** Training samples that the model is run on to compare them with its statistics. */
const COMPARED = 256;

/** Operators that bring a model's inputs into another range, as Rescaling and Normalization become. */
const SCALING_OPERATORS = new Set(["BatchNormalization", "Div", "Mul", "Sub"]);

/** Operators that leave the numbers as they are. */
const MOVING_OPERATORS = new Set(["Cast", "Identity", "Reshape", "Transpose", "Flatten"]);

/**
 * Opens a data set as a run would, in the size the model takes, and tells what it holds.
 *
 * @throws InputError where it cannot be read, or does not fit the model.
 */
export async function dataReport(
  request: Omit<DataRequest, "model">,
  graph: Graph | undefined,
  context: RequestContext,
): Promise<DataReport> {
  const { data, dataOptions, loss, split, seed, inputScaling } = request;
  const input = graph === undefined ? undefined : sampleInput(graph);
  const kind = loss === undefined ? undefined : LOSSES[loss].targetKind;
  const opened = await openDataset(data, { kind, input, options: dataOptions });
  const shaped =
    input === undefined ? opened : withSampleShape(opened, input.sampleShape, input.name);
  // Images stay images for a model that takes them flat; what is flat becomes what the model takes.
  const dataset =
    opened.sampleShape.length === 1 && opened.sampleRate === undefined ? shaped : opened;
  return examineDataset(dataset, {
    shares: split,
    seed,
    isScaled: inputScaling !== "none" || (graph && modelInputScaling(graph)) !== undefined,
    signal: context.signal,
    onProgress: (fraction) => context.progress({ message: "Reading samples", fraction }),
    ...(graph === undefined
      ? {}
      : {
          model: async ({ train }: Split) => {
            const scaled = await scaledAsInRun(graph, shaped, train, inputScaling);
            return expectationOf(graph, scaled, train, context);
          },
        }),
  });
}

async function scaledAsInRun(
  graph: Graph,
  dataset: Dataset,
  train: Int32Array,
  kind: DataRequest["inputScaling"],
): Promise<Dataset> {
  if (kind === "none") return asModelTakes(dataset, graph, sampleInput(graph));
  if (train.length === 0) return dataset;
  return scaledInputs(dataset, await measureScaling(dataset, train, kind));
}

async function expectationOf(
  graph: Graph,
  dataset: Dataset,
  train: Int32Array,
  context: RequestContext,
): Promise<ModelExpectation> {
  const scalesInputs = isScalingInputs(graph);
  const [first] = batchNormCandidates(graph).flatMap(({ plan }) => (isRefusal(plan) ? [] : [plan]));
  if (first === undefined || isUntrained(first) || train.length === 0) return { scalesInputs };
  const runs = sampleRuns(dataset, train.subarray(0, COMPARED), context);
  try {
    const { batchNorms } = await measureBatchNorms(graph, [first], runs, "population");
    const [worst] = channelShifts(batchNorms);
    return worst === undefined ? { scalesInputs } : { scalesInputs, shift: worst };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { scalesInputs, notCompared: error.message };
  }
}

/** Statistics as they are before training: every mean 0 and every variance 1. */
function isUntrained({ mean, variance }: BatchNormalization): boolean {
  return mean.every((value) => value === 0) && variance.every((value) => value === 1);
}

/** Whether the first operator that computes with the input is one that scales or shifts it. */
function isScalingInputs(graph: Graph): boolean {
  const index = indexOf(graph);
  let value = sampleInput(graph).name;
  for (;;) {
    const [use] = index.uses(value);
    if (use === undefined) return false;
    if (!MOVING_OPERATORS.has(use.node.opType)) return SCALING_OPERATORS.has(use.node.opType);
    value = use.node.output[0] ?? "";
  }
}
