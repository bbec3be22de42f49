import type { InputScaling } from "./training.ts";
/** The JSON of the command line, which pages and editor commands share. */

/** NaN and infinities do not exist in JSON and travel as these strings. */
export type JsonNumber = number | "NaN" | "Infinity" | "-Infinity";

export function jsonNumber(value: number): JsonNumber {
  return Number.isFinite(value) ? value : (String(value) as JsonNumber);
}

export function fromJsonNumber(value: JsonNumber): number {
  return Number(value);
}

export function isJsonNumber(value: string | JsonNumber | undefined): value is JsonNumber {
  return (
    typeof value === "number" || value === "NaN" || value === "Infinity" || value === "-Infinity"
  );
}

export interface ValueReport {
  readonly name: string;
  /** "float32", "int64", … */
  readonly type: string;
  /** A number, the name of a symbolic size, or "?" where the file does not say. */
  readonly shape: readonly (number | string)[];
}

export type Severity = "error" | "warning" | "information";

/** A remark on one node: something that can be improved, or the reason why it cannot. */
export interface Finding {
  /** The pass or rule it comes from, for example "fold-batch-norm". */
  readonly rule: string;
  readonly severity: Severity;
  readonly node: string;
  readonly message: string;
  /** What one click does about it; its pass applied to its site. */
  readonly fix?: { readonly title: string; readonly pass: string; readonly site: string };
  /** Why there is no fix, in one sentence. */
  readonly reason?: string;
  /** Where the documentation says more, for example "docs/techniques/findings.md#dropout-training-mode". */
  readonly help?: string;
}

export interface ModelReport {
  readonly format: string;
  readonly opset: number;
  readonly irVersion: number;
  readonly producer: string;
  readonly inputs: readonly ValueReport[];
  readonly outputs: readonly ValueReport[];
  /** Number of nodes. */
  readonly nodes: number;
  /** Number of elements of all floating-point initializers. */
  readonly parameters: number;
  /** File size plus external data, in bytes. */
  readonly bytes: number;
  readonly operators: Readonly<Record<string, number>>;
  /** What layers of Keras and TensorFlow.js state for their own training; absent where none does. */
  readonly layerRules?: readonly LayerRuleReport[];
  /** How samples are scaled before the model gets them, where it has a note of that. */
  readonly inputScaling?: InputScaling;
  readonly findings: readonly Finding[];
}

export interface LayerRuleReport {
  readonly node: string;
  /** For example "weight constraint". */
  readonly what: string;
  readonly rule: string;
}

export interface OutputDifference {
  readonly name: string;
  readonly maxAbs: JsonNumber;
  /** maxAbs over the output's own scale (its largest magnitude). */
  readonly maxRelative: JsonNumber;
  /** The largest relative difference that float32 rounding alone explains here. */
  readonly roundingRelative?: JsonNumber;
  /** Which input showed it and where: flat row-major index into the output. */
  readonly input?: string;
  readonly index?: number;
}

export interface Certificate {
  readonly pass: boolean;
  /** The inputs that were tried, for example "standard normal, seed 1". */
  readonly inputs: readonly string[];
  readonly outputs: readonly OutputDifference[];
  /** The same comparison at each changed site. */
  readonly sites?: readonly OutputDifference[];
  /** One plain sentence that says the result. */
  readonly sentence: string;
}

export interface GraphCount {
  readonly nodes: number;
  readonly parameters: number;
  readonly bytes: number;
  readonly operators: Readonly<Record<string, number>>;
}

/** Numbers for people and programs: a heading, named columns, one row a line. */
export interface ReportTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | JsonNumber)[])[];
}

/** What became of a model that was written in another format. */
export interface ConvertReport {
  readonly from: string;
  readonly to: string;
  /** Nodes of the graph that the written model is read as. */
  readonly nodes: number;
  /** Left out where the nodes are the same. */
  readonly certificate?: Certificate;
}

export interface PassReport {
  readonly pass: string;
  readonly title: string;
  /** What Undo shows, for example "Fold bn1 into conv1" or "Fold BatchNorm (53 nodes)". */
  readonly label: string;
  readonly applied: readonly { readonly node: string; readonly into: string }[];
  readonly skipped: readonly { readonly node: string; readonly reason: string }[];
  readonly before: GraphCount;
  readonly after: GraphCount;
  /** What changed in the model's function, in one sentence, where it is not promised to stay. */
  readonly statement?: string;
  readonly tables?: readonly ReportTable[];
  readonly certificate?: Certificate;
  readonly elapsedMs: number;
}

/** What an analysis found; nothing changes. */
export interface AnalysisReport {
  readonly analysis: string;
  readonly title: string;
  /** The answer in plain sentences, the most important first. */
  readonly sentences: readonly string[];
  readonly tables: readonly ReportTable[];
  readonly elapsedMs: number;
}

export interface HistogramReport {
  /** counts.length + 1 ascending edges; [a, b) each, the last [a, b]. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  /** Mass outside the edges; absent where the edges span the data. */
  readonly below?: number;
  readonly above?: number;
}

export interface ValueStatistics {
  readonly name: string;
  readonly count: number;
  readonly mean: JsonNumber;
  /** Population standard deviation. */
  readonly std: JsonNumber;
  readonly min: JsonNumber;
  readonly max: JsonNumber;
  readonly zeros: number;
  readonly nan: number;
  readonly inf: number;
  /** Quantiles by their probability, for example "0.15". */
  readonly quantiles: Readonly<Record<string, JsonNumber>>;
  readonly histogram: HistogramReport;
}

/** The gradient of a loss over one batch for what training would change. */
export interface GradientReport {
  /** The mean over the batch. */
  readonly loss: JsonNumber;
  readonly gradients: readonly {
    /** As in the model. */
    readonly name: string;
    readonly shape: readonly number[];
    /** √(Σ g²) */
    readonly norm: JsonNumber;
  }[];
}
