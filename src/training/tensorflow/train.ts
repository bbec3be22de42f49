import { requireTargetFolder } from "../../formats/target-folder.ts";
import type { TrainResult } from "../../protocol/engine.ts";
import type { TensorFlow } from "../../runtime/tensorflow.ts";
import { checkConfig } from "../config.ts";
import { type RecordedRunOptions, recordedRun } from "../recorded-run.ts";
import { refuseChanged } from "../resumable-run.ts";
import { type StartEvent, sampleCounts } from "../run-events.ts";
import { ActivityPenalties } from "./activity-penalties.ts";
import { requireLayersTarget } from "./layers-endings.ts";
import { prepareOnTensorFlow, type TensorPlan } from "./prepare.ts";
import { layersModels } from "./saved-layers.ts";
import { TensorEvaluator } from "./tensor-evaluator.ts";
import { TensorStep } from "./tensor-step.ts";

export interface TensorFlowTraining extends Omit<RecordedRunOptions, "modelName"> {
  readonly tensorFlow: TensorFlow;
  /** model.json of a TF.js layers model, or what Keras saved; so is the output. */
  readonly modelPath: string;
}

/** Batches of validation are at least this large, whatever training's are. */
const SMALLEST_EVALUATION_BATCH = 64;

/**
 * Trains a layers model on TensorFlow, as `train` does an ONNX model on ONNX Runtime: the same
 * options, split, batches, schedules, early stopping, checkpoints, run folder and events.
 *
 * @throws InputError before anything is written where model, data and options do not fit together.
 */
export async function trainOnTensorFlow(options: TensorFlowTraining): Promise<TrainResult> {
  const { tensorFlow, config, resume } = options;
  checkConfig(config);
  if (options.output !== undefined) {
    requireLayersTarget(options.output, options.modelPath);
    await requireTargetFolder(options.output);
  }
  const { tf } = tensorFlow;
  const plan = await prepareOnTensorFlow(tf, options.modelPath, config);
  if (resume !== undefined) refuseChanged(resume, plan.fingerprint);
  options.signal.throwIfAborted();
  const { model, parts, settings, inputShape, batchSize, initial } = plan;
  const checkpoint = resume?.checkpoint;
  const { keras } = plan.file;
  const penalized = config.fromModel.regularizers ? keras?.activities : undefined;
  const step = new TensorStep({
    tf,
    model,
    config,
    settings,
    inputShape,
    ...parts,
    ...(penalized === undefined ? {} : { activities: new ActivityPenalties(tf, model, penalized) }),
    initial: checkpoint?.state ?? initial,
    stepsDone: checkpoint?.progress.stepsDone ?? 0,
  });
  const evaluator = new TensorEvaluator({
    tf,
    model,
    all: parts.all,
    batchSize: Math.max(batchSize, SMALLEST_EVALUATION_BATCH),
    loss: config.loss,
    settings,
  });
  try {
    return await recordedRun(
      { ...options, modelName: options.modelPath },
      {
        ...plan,
        lossSettings: settings,
        step,
        evaluator,
        // TensorFlow keeps the values inside its layers to itself.
        watched: { statistics: () => [], edges: {} },
        models: layersModels(plan.file),
        start: (run) => startEvent(options, plan, run),
        divergence: async (step) => ({ step }),
      },
    );
  } finally {
    step.release();
    model.dispose();
  }
}

function startEvent(options: TensorFlowTraining, plan: TensorPlan, run: string): StartEvent {
  const { tensorFlow, modelPath, output, config } = options;
  const { parts, fingerprint, inputScaling } = plan;
  return {
    event: "start",
    model: modelPath,
    run,
    runtime: tensorFlow.version,
    parameters: parts.trained.reduce((sum, { variable }) => sum + variable.size, 0),
    ...sampleCounts(plan),
    watched: [],
    ...(output === undefined ? {} : { output }),
    ...(inputScaling === undefined ? {} : { inputScaling }),
    fingerprint,
    config,
  };
}
