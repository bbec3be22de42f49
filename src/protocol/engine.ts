import type { DataOptions } from "./data-options.ts";
import type { DataReport } from "./data-report.ts";
import type {
  LayerDetail,
  LayerSite,
  ModelTextRequest,
  ModelTextView,
  RewriteTextRequest,
  RewrittenText,
} from "./model-text.ts";
import type {
  AnalysisReport,
  Certificate,
  ConvertReport,
  Finding,
  ModelReport,
  PassReport,
  ValueStatistics,
} from "./reports.ts";
import type { TrainingConfig, TrainingEvent } from "./training.ts";

/**
 * Requests that the extension host (and the command line, in its own process) makes of the engine.
 * The interface is the source of truth: names of methods are the JSON-RPC method names.
 */
export interface EngineMethods {
  runtime(params: Record<string, never>): RuntimeReport;
  /** Opens a model and replays edits; opening the same document again only changes the edits. */
  open(params: DocumentRequest): DocumentView;
  nodeDetail(params: DocumentRequest & { readonly node: number }): NodeDetail;
  /** What a pass would do, with its certificate; nothing changes. */
  preview(params: DocumentRequest & PassRequest): PassReport;
  /** Every pass and analysis, for palettes and forms. */
  techniques(params: Record<string, never>): {
    readonly passes: readonly TechniqueDescription[];
    readonly analyses: readonly TechniqueDescription[];
  };
  /** Where a pass could act with these options, and why not elsewhere. */
  sites(
    params: DocumentRequest & { readonly pass: string; readonly options?: OptionValues },
  ): PassSites;
  /** What the passes could do at one node, with their default options; for light bulbs. */
  sitesAt(params: DocumentRequest & { readonly node: string }): {
    readonly sites: readonly TechniqueSite[];
  };
  analyze(params: DocumentRequest & AnalysisRequest): AnalysisReport;
  /** The model as read-only text, with the findings placed on its lines. */
  text(params: DocumentRequest): TextView;
  /** Writes the document to target (atomically); source and target may be the same. */
  save(params: DocumentRequest & { readonly target: string }): { readonly bytes: number };
  /** The files of a model besides the one that is opened, relative to its folder. */
  otherFiles(params: { readonly path: string }): { readonly files: readonly string[] };
  /** Outline and findings of a model.json as it is being edited; null for any other JSON. */
  modelText(params: ModelTextRequest): ModelTextView | null;
  /** What is known of one layer of it. */
  layerDetail(params: ModelTextRequest & { readonly layer: string }): LayerDetail;
  /** What the passes could do at one layer of it, with their default options. */
  layerSites(params: ModelTextRequest & { readonly layer: string }): {
    readonly sites: readonly LayerSite[];
  };
  /** What a pass makes of it, as changes of the text and new files of weights; nothing is changed. */
  rewriteText(params: RewriteTextRequest): RewrittenText;
  /** Writes the document as another format, which the target's ending names. */
  convert(
    params: DocumentRequest & {
      readonly target: string;
      readonly verify: boolean;
      readonly data?: string;
    },
  ): ConvertReport;
  /** Forgets a document, so that the next open reads the file again. */
  close(params: { readonly path: string }): null;
  verify(params: { readonly a: string; readonly b: string; readonly data?: string }): Certificate;
  statistics(params: StatisticsRequest): { readonly values: readonly ValueStatistics[] };
  /** What a data set holds, and what may be wrong with it. */
  examineData(params: DataRequest): DataReport;
  /** Ends when training ends; events come as notifications. Cancelling keeps the best so far. */
  train(params: TrainRequest): TrainResult;
  pauseTraining(params: { readonly paused: boolean }): null;
  /** Into a folder of the user's, from npm's registry; replaces what is there. */
  installTensorFlow(params: Record<string, never>): {
    readonly folder: string;
    readonly version: string;
  };
  /** Ends a cancelled run, a folder, whose process was sent SIGKILL as it did not hear of it. */
  endKilledRun(params: { readonly run: string; readonly process: number }): EndedRun;
}

export type EngineMethod = keyof EngineMethods;
export type EngineParams<M extends EngineMethod> = Parameters<EngineMethods[M]>[0];
export type EngineResult<M extends EngineMethod> = ReturnType<EngineMethods[M]>;

/** Notification from engine to host while a request runs. */
export interface ProgressNotification {
  /** A short phrase, for example "Comparing outputs". */
  readonly message: string;
  /** Share of the whole work, 0–1, where it is known. */
  readonly fraction?: number;
}

export const PROGRESS = "progress";
export const TRAINING_EVENT = "trainingEvent";
export type TrainingNotification = TrainingEvent;

/** Error code of a refusal: the message is the sentence for the user. */
export const INPUT_ERROR_CODE = 1;

/** Error code of a request that was cancelled and has nothing to keep. */
export const CANCELLED_CODE = 2;

/** One edit of a document: a pass on sites, or what a training run made. */
export type Edit =
  | {
      readonly kind: "pass";
      readonly pass: string;
      /** Site ids; left out means all applicable. */
      readonly sites?: readonly string[];
      readonly options: Readonly<Record<string, string | number | boolean>>;
      /** "digits" or a path to a data set, for a pass that measures on data. */
      readonly data?: string;
      /** The undo label, for example "Fold bn1 into conv1". */
      readonly label: string;
    }
  | {
      readonly kind: "weights";
      /** The model after training: its initializers replace those of the same name. */
      readonly path: string;
      readonly label: string;
    }
  | {
      readonly kind: "model";
      /** An ONNX file that takes the model's place. */
      readonly path: string;
      readonly label: string;
    };

export interface PassRequest {
  readonly pass: string;
  readonly sites?: readonly string[];
  readonly options?: Readonly<Record<string, string | number | boolean>>;
  readonly verify: boolean;
  /** For a pass that measures on data, and for the certificate. */
  readonly data?: string;
  /** How the data is read; what is left out has its default. */
  readonly dataOptions?: Partial<DataOptions>;
  /** For the certificate alone, in place of data: a pass must not measure on it without being asked to. */
  readonly certificateData?: string;
}

/** An applicable site of a pass. */
export interface TechniqueSite {
  readonly pass: string;
  readonly passTitle: string;
  readonly site: string;
  /** The light bulb's and button's words, for example "Fold bn1 into conv1". */
  readonly title: string;
}

export interface PassSites {
  readonly applicable: readonly TechniqueSite[];
  readonly skipped: readonly { readonly node: string; readonly reason: string }[];
}

/** What a form or the palette needs to know of a pass or an analysis. */
export interface TechniqueDescription {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly options: readonly TechniqueOption[];
  /** Option values that make data necessary; "always" and "never" for all of them. */
  readonly data:
    | "always"
    | "never"
    | "optional"
    | { readonly option: string; readonly values: readonly string[] };
}

/** An option of a pass or an analysis. */
export type TechniqueOption = {
  readonly name: string;
  /** One sentence for help. */
  readonly description: string;
} & (
  | { readonly kind: "choice"; readonly default: string; readonly choices: readonly string[] }
  | {
      readonly kind: "number";
      readonly default: number;
      /** Inclusive bounds. */
      readonly minimum?: number;
      readonly maximum?: number;
    }
  | { readonly kind: "boolean"; readonly default: boolean }
  | { readonly kind: "text"; readonly default: string }
);

export type OptionValues = Readonly<Record<string, string | number | boolean>>;

export interface AnalysisRequest {
  readonly analysis: string;
  readonly options?: OptionValues;
  readonly data?: string;
  readonly dataOptions?: Partial<DataOptions>;
}

export interface DocumentRequest {
  /** Absolute path of the model file; it identifies the document. */
  readonly path: string;
  /**
   * Where the unedited bytes are, when they are no longer at path: saving over the file keeps a
   * copy of the original, so that undo past the save, and replay after a crash, still start from it.
   * Its other files are the ones beside the copy, where all of them are, and else those beside path.
   */
  readonly source?: string;
  /** Every edit since the unedited bytes, in order. */
  readonly edits: readonly Edit[];
}

export interface RuntimeReport {
  readonly name: string;
  readonly version: string;
  readonly reason: string;
}

export interface NodeRow {
  /** Position in the graph; the node's identity within one DocumentView. */
  readonly index: number;
  /** The node's name, or its first output where the file gives none. */
  readonly name: string;
  readonly opType: string;
  /** Shape of the first output, for example "N×64×112×112"; "" where unknown. */
  readonly output: string;
  readonly parameters: number;
  /** Changed by an edit since the file. */
  readonly changed: boolean;
}

export interface DocumentView {
  readonly path: string;
  readonly fileName: string;
  readonly report: ModelReport;
  readonly rows: readonly NodeRow[];
  readonly runtime: RuntimeReport;
}

export interface ParameterDetail {
  /** The initializer's name. */
  readonly name: string;
  /** What it is to this operator: "weight", "gamma", "running variance", … */
  readonly role: string;
  readonly shape: readonly number[];
  readonly type: string;
  readonly statistics?: ValueStatistics;
  /** Why there are no statistics, where there are none. */
  readonly note?: string;
}

export interface NodeDetail {
  readonly index: number;
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly {
    readonly name: string;
    readonly from: string;
    readonly shape: string;
  }[];
  readonly outputs: readonly { readonly name: string; readonly shape: string }[];
  readonly attributes: readonly { readonly name: string; readonly value: string }[];
  readonly parameters: readonly ParameterDetail[];
  /** For a BatchNormalization: per-channel affine form y = scale·x + shift. */
  readonly affine?: { readonly scale: readonly number[]; readonly shift: readonly number[] };
  readonly findings: readonly Finding[];
  /** What the passes could do here, with their default options. */
  readonly techniques: readonly TechniqueSite[];
}

export interface TextView {
  readonly text: string;
  /** One entry a node; zero-based lines. */
  readonly symbols: readonly {
    readonly name: string;
    readonly detail: string;
    readonly line: number;
    readonly endLine: number;
  }[];
  readonly foldings: readonly { readonly start: number; readonly end: number }[];
  readonly findings: readonly (Finding & {
    readonly line: number;
    readonly startColumn: number;
    readonly endColumn: number;
  })[];
}

export interface StatisticsRequest extends DocumentRequest {
  readonly data: string;
  /** Names of nodes or values; all nonlinearities' inputs when left out. */
  readonly nodes?: readonly string[];
}

/** A data set as a run would read, divide and scale it, and the model it is for, if any. */
export interface DataRequest
  extends Pick<TrainingConfig, "data" | "dataOptions" | "split" | "seed" | "inputScaling"> {
  /** Says whether whole numbers as targets are classes; they are where it is left out. */
  readonly loss?: TrainingConfig["loss"];
  readonly model?: DocumentRequest;
}

export interface TrainRequest extends DocumentRequest {
  /** Folder of a run to go on with; config, runs and output are that run's own then. */
  readonly resume?: string;
  readonly config: TrainingConfig;
  /** Folder that gets the run folder. */
  readonly runs: string;
  /** Where the best model goes besides the run folder. */
  readonly output?: string;
}

export interface TrainResult {
  readonly run: string;
  readonly bestModel: string;
}

/** A run that was ended after its process. */
export interface EndedRun {
  readonly run: string;
  /** Undefined where the run was killed in its first step. */
  readonly bestModel?: string;
  /** What is told of its end: stop, and done where there is a model; none that was told before. */
  readonly events: readonly TrainingEvent[];
}
