import type { DataOptions } from "./data-options.ts";
import type { JsonNumber, ValueStatistics } from "./reports.ts";

/** Options of a training run. A config file is a part of this; the rest are the defaults. */
export interface TrainingConfig {
  /** What computes: ONNX Runtime any model, TensorFlow (installed on demand) a TF.js layers model. */
  readonly engine: "onnxruntime" | "tensorflow";
  /** "digits" or a path to a data set. */
  readonly data: string;
  /** How the data is read. */
  readonly dataOptions: DataOptions;
  /** What is made of the samples before the model gets them, by numbers of the training part alone. */
  readonly inputScaling: InputScalingKind;
  readonly split: { readonly train: number; readonly validation: number; readonly test: number };
  readonly seed: number;
  /** Start from new random weights, or go on from those in the file. */
  readonly weights: "fresh" | "keep";
  /** Passes that change the model before training, in order; those that measure use the training part. */
  readonly passes: readonly PassStep[];
  readonly loss:
    | "cross-entropy"
    | "binary-cross-entropy"
    | "mean-squared-error"
    | "mean-absolute-error"
    | "huber"
    | "kl-divergence";
  readonly lossOptions: {
    /** cross-entropy and binary-cross-entropy: this share of each target goes to all classes alike. */
    readonly labelSmoothing: number;
    /** cross-entropy: a factor for each class; "balanced" makes each count as much as every other. */
    readonly classWeights: "none" | "balanced" | readonly number[];
    /** huber: where the square ends and the line begins. */
    readonly huberDelta: number;
  };
  readonly batchSize: number;
  readonly maxEpochs: number;
  readonly optimizer: OptimizerConfig;
  readonly schedule: ScheduleConfig;
  /** By the norm of all gradients together, and of each number; 0 is off. */
  readonly gradientClipping: { readonly norm: number; readonly value: number };
  /** Batches whose mean gradient makes one update. */
  readonly accumulateBatches: number;
  readonly frozen: {
    /** Parameters or layers that are not trained; a star stands for any characters. */
    readonly names: readonly string[];
    /** Whether frozen normalizations go by the batch and update their running statistics. */
    readonly updateStatistics: boolean;
  };
  /** What weight decay, L2 and L1 are of: weights, or every parameter, biases and BatchNorm's included. */
  readonly decayedParameters: "weights" | "all";
  /** Adds l2·½·Σw² over the decayed parameters to the loss. */
  readonly l2: number;
  /** Adds l1·Σ|w| over the same. */
  readonly l1: number;
  /** The share of training labels that are replaced at random, others in each epoch. */
  readonly labelNoise: number;
  /** After each step no output unit's weights are longer than limit; 0 is off. */
  readonly maxNorm: { readonly limit: number };
  readonly earlyStopping: EarlyStoppingConfig;
  readonly batchNorm: {
    /** new = (1 − momentum)·old + momentum·batch. */
    readonly momentum: number;
    readonly runningVariance: "unbiased" | "population";
  };
  /** What the layers of a Keras or TensorFlow.js model state themselves, and whether it counts. */
  readonly fromModel: {
    /** l1 and l2 of weights and of what layers put out, in Keras' form without ½. */
    readonly regularizers: boolean;
    /** max_norm and its like, after each step. */
    readonly constraints: boolean;
    /** Each BatchNormalization's own momentum, with the batch's variance undivided. */
    readonly batchNorm: boolean;
    /** Layers with trainable: false keep their weights and statistics. */
    readonly trainable: boolean;
  };
  /** What a run leaves in the model that it saves, beside weights. */
  readonly intoModel: {
    /** maxNorm as the layers' own constraint. */
    readonly constraints: boolean;
    /** l1 and l2 as the layers' own regularizers, in Keras' form without ½. */
    readonly regularizers: boolean;
    /** inputScaling as operators in front of the model, which then takes samples as the data has them. */
    readonly inputScaling: boolean;
  };
  /** For models with variational dropout (insert-variational-dropout). */
  readonly variationalDropout: {
    /** The loss gets klWeight/N·KL, N the number of training samples. */
    readonly klWeight: number;
    /** The weight grows from 0 to klWeight over so many epochs. */
    readonly warmUpEpochs: number;
  };
  readonly statistics: {
    /** Names of values to watch; "auto" takes the nonlinearities' inputs. */
    readonly values: "auto" | readonly string[];
    /** Percentiles are taken every so many steps. */
    readonly everySteps: number;
    /** Gradient norms, update ratios and moments are taken every so many steps; 0 is never. */
    readonly detailsEverySteps: number;
    readonly bins: number;
  };
  /** When the state is kept so that a run that was cut off can go on; 0 is never. */
  readonly checkpoint: {
    readonly everyEpochs: number;
    readonly everySteps: number;
    /** In an epoch that takes longer than this. */
    readonly everySeconds: number;
    /** No two come within so many seconds. */
    readonly leastSeconds: number;
  };
  /** Threads inside one operator; 0 lets the runtime decide. */
  readonly threads: number;
}

/**
 * "standardize": (x − mean)/deviation; "range": (x − min)/(max − min). Images by channel, rows of a table by
 * feature, everything else as a whole.
 */
export type InputScalingKind = "none" | "standardize" | "range";

/** x ↦ (x − subtract)/divide, one pair a group. */
export interface InputScaling {
  readonly subtract: readonly number[];
  readonly divide: readonly number[];
  /** Numbers that follow each other and belong to one group, before the next group's begin. */
  readonly groupSize: number;
}

export interface PassStep {
  readonly pass: string;
  /** All applicable sites when left out. */
  readonly sites?: readonly string[];
  readonly options?: Readonly<Record<string, string | number | boolean>>;
}

export interface OptimizerConfig {
  readonly kind: "sgd" | "rmsprop" | "adagrad" | "adam" | "adamw" | "lamb";
  readonly learningRate: number;
  /** sgd only. */
  readonly momentum: number;
  /** sgd with momentum only. */
  readonly nesterov: boolean;
  /** rmsprop only: the share of the mean square that is kept. */
  readonly alpha: number;
  /** rmsprop only: divides by the deviation from the mean gradient. */
  readonly centered: boolean;
  /** rmsprop only; RMSprop mostly goes without, unlike sgd. */
  readonly rmspropMomentum: number;
  /** adagrad only: where the sum of squares starts. */
  readonly initialAccumulator: number;
  /** adam, adamw and lamb, as beta2. */
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** adamw, decoupled, w ← w − learningRate·weightDecay·w; and lamb, in the step it scales. */
  readonly weightDecay: number;
}

/** How the learning rate changes in the course of a run. */
export interface ScheduleConfig {
  readonly kind: "constant" | "step" | "exponential" | "cosine" | "one-cycle" | "plateau";
  /** step and plateau: what the learning rate is multiplied by. */
  readonly factor: number;
  /** step only. */
  readonly everyEpochs: number;
  /** exponential only: what the learning rate is multiplied by after each epoch. */
  readonly epochFactor: number;
  /** cosine and plateau: the lowest learning rate. */
  readonly minimum: number;
  /** one-cycle only: the share of all updates at which the learning rate is reached. */
  readonly peakAt: number;
  /** one-cycle only: it starts at learningRate/startDivisor and ends at that over endDivisor. */
  readonly startDivisor: number;
  readonly endDivisor: number;
  /** plateau only: epochs without improvement of the metric that early stopping watches. */
  readonly patience: number;
  /** plateau only: the share of the best by which a metric must be better. */
  readonly threshold: number;
  /** plateau only: epochs after a change in which nothing is counted. */
  readonly cooldown: number;
  /** Any kind: the learning rate grows from warmUpStart of it in so many epochs. */
  readonly warmUpEpochs: number;
  readonly warmUpStart: number;
}

export interface EarlyStoppingConfig {
  readonly enabled: boolean;
  /** Whose rule says what an improvement is and when to give up. */
  readonly rule: "normlens" | "keras" | "lightning" | "tfjs" | "sklearn-mlp" | "sklearn-sgd";
  readonly monitor: "validationLoss" | "validationAccuracy";
  readonly direction: "min" | "max";
  /** Validation checks without improvement before stopping. */
  readonly patience: number;
  /** A change counts as improvement when it is larger than this. */
  readonly minDelta: number;
  /** Must be beaten for the first improvement. */
  readonly baseline?: number;
  /** First epoch (1-based) that is checked. */
  readonly startFrom: number;
  readonly restoreBest: boolean;
  /** Then train again on training and validation samples, for the best epoch's number of steps. */
  readonly retrain: boolean;
  /** Stop as soon as the metric reaches this. */
  readonly stoppingThreshold?: number;
  /** Stop as soon as the metric is worse than this. */
  readonly divergenceThreshold?: number;
  /** Stop when the metric is NaN or infinite. */
  readonly checkFinite: boolean;
}

export type StopReason =
  | "earlyStopping"
  | "maxEpochs"
  | "stoppingThreshold"
  | "diverged"
  | "cancelled";

/** The first value of a training step that was NaN or infinite. */
export interface BadValue {
  /** A value of the model, the loss, the gradient for a parameter, or a parameter after the step. */
  readonly kind: "value" | "loss" | "gradient" | "update";
  readonly name: string;
}

/** Bytes that a run was expected to need when it started. */
export interface MemoryEstimate {
  /** Parameters, running statistics and the optimizer's tensors, twice, and the best weights. */
  readonly state: number;
  /** The most that is alive at once in a training step. */
  readonly working: number;
  /** The same for validation. */
  readonly evaluating: number;
  /** All of it, with constants. */
  readonly total: number;
}

/** What a run tells, in order: start, step and epoch, perhaps retrain and retrainEpoch, stop and done. One JSON line each. */
export type TrainingEvent =
  | {
      readonly event: "start";
      readonly model: string;
      /** The run folder: config.json, metrics.jsonl, best.onnx. */
      readonly run: string;
      readonly runtime: string;
      readonly parameters: number;
      readonly samples: {
        readonly train: number;
        readonly validation: number;
        readonly test: number;
      };
      readonly classes?: number;
      readonly stepsPerEpoch: number;
      /** What the options do to this model that nobody may have meant, in a sentence each. */
      readonly notes?: readonly string[];
      /** Watched values, in graph order, with their fixed histogram edges once known. */
      readonly watched: readonly string[];
      /** Absent where TensorFlow trains, which has memory of its own. */
      readonly memory?: MemoryEstimate;
      /** Where the best model goes besides the run folder. */
      readonly output?: string;
      /** What config.inputScaling came to: whoever uses the model has to do the same. */
      readonly inputScaling?: InputScaling;
      /** SHA-256 of model and data: a run goes on with the same ones only. */
      readonly fingerprint: { readonly model: string; readonly data: string };
      readonly config: TrainingConfig;
    }
  | ({
      readonly event: "step";
      /** 1-based over the whole run. */
      readonly step: number;
      readonly epoch: number;
      readonly loss: JsonNumber;
      /** Percentiles of the watched values at this step, where taken. */
      readonly percentiles?: Readonly<
        Record<string, readonly [p15: number, p50: number, p85: number]>
      >;
    } & Partial<StepDetailNumbers>)
  | {
      readonly event: "epoch";
      /** 1-based. */
      readonly epoch: number;
      readonly trainLoss: JsonNumber;
      /** What variational dropout's divergence adds to the loss, which trainLoss leaves out. */
      readonly klLoss?: JsonNumber;
      /** What L1 and L2 add to the loss at the epoch's last step, which trainLoss leaves out. */
      readonly penalty?: JsonNumber;
      /** Share of right answers; absent for regression. */
      readonly trainAccuracy?: JsonNumber;
      readonly validationLoss: JsonNumber;
      readonly validationAccuracy?: JsonNumber;
      /** Of the epoch's last step; absent in the record of an older run. */
      readonly learningRate?: number;
      readonly seconds: number;
      readonly best: boolean;
      /** Activation statistics of the watched values on a fixed validation batch. */
      readonly activations?: readonly ActivationStatistics[];
    }
  | {
      /** After the last epoch, where config.earlyStopping.retrain asks for it: it begins anew. */
      readonly event: "retrain";
      /** Training and validation samples together. */
      readonly samples: number;
      /** Those that led to the best epoch; as many are done again. */
      readonly steps: number;
      readonly stepsPerEpoch: number;
      /** How the epochs so far ended. */
      readonly reason: StopReason;
      readonly bestEpoch: number;
      readonly epochs: number;
      readonly sentence: string;
    }
  | {
      /** A pass over training and validation samples; the last one may be cut short. */
      readonly event: "retrainEpoch";
      /** 1-based. */
      readonly epoch: number;
      /** Steps done since it began anew. */
      readonly step: number;
      readonly trainLoss: JsonNumber;
      readonly klLoss?: JsonNumber;
      readonly penalty?: JsonNumber;
      readonly trainAccuracy?: JsonNumber;
      readonly learningRate: number;
      readonly seconds: number;
    }
  | {
      readonly event: "stop";
      readonly reason: StopReason;
      readonly bestEpoch: number;
      readonly epochs: number;
      /** Where the numbers stopped being finite, from 1 over the whole run; after divergence in a step. */
      readonly divergence?: { readonly step: number; readonly first?: BadValue };
      /** The plain sentence for people. */
      readonly sentence: string;
    }
  | {
      readonly event: "done";
      /** Path of the saved best model, or of the one that was trained again. */
      readonly model: string;
      /** Absent where a cancelled run would have taken long to measure it. */
      readonly testLoss?: JsonNumber;
      readonly testAccuracy?: JsonNumber;
      /** The run folder: config.json, metrics.jsonl, best.onnx. */
      readonly run: string;
    };

/** What some of the steps tell beside their loss; see `statistics.detailsEverySteps`. */
export interface StepDetailNumbers {
  /** Of all trained parameters together, before any clipping, penalties included. */
  readonly gradientNorm: JsonNumber;
  /** At most ten of the weights, evenly from the first layer to the last; no biases or scales. */
  readonly gradients: readonly ParameterDetail[];
  /** Of the watched values at this step, on its batch. */
  readonly moments?: Readonly<Record<string, ValueMoments>>;
}

export interface ParameterDetail {
  readonly name: string;
  /** ‖g‖ before any clipping. */
  readonly norm: JsonNumber;
  /** ‖Δw‖/‖w‖: what the step changed, against the weights before it. */
  readonly updateRatio: JsonNumber;
}

export interface ValueMoments {
  readonly mean: JsonNumber;
  /** Population variance. */
  readonly variance: JsonNumber;
  /** Share of units (channels, or features) none of whose values on the batch is alive. */
  readonly deadShare: JsonNumber;
}

export interface ActivationStatistics extends ValueStatistics {
  /** Units (channels, or features) that are zero for the whole batch, of all units. */
  readonly deadUnits: number;
  readonly units: number;
}
