import type { PassRequest, TechniqueSite } from "./engine.ts";
import type { Finding, JsonNumber, PassReport } from "./reports.ts";

/** The text of a model.json as it stands in an editor, saved or not. */
export interface ModelTextRequest {
  /** Absolute path of model.json, beside which its weights are. */
  readonly path: string;
  readonly text: string;
}

/** Zero-based; characters are UTF-16 units, as in VS Code. */
export interface TextPosition {
  readonly line: number;
  readonly character: number;
}

export interface TextRange {
  readonly start: TextPosition;
  readonly end: TextPosition;
}

/** A layer of the outline, or the model at its root. */
export interface LayerSymbol {
  /** The layer's name behind those of the models it lies in, "encoder/conv1"; "" for the model. */
  readonly path: string;
  readonly name: string;
  readonly className: string;
  readonly range: TextRange;
  /** The layer's name. */
  readonly label: TextRange;
  readonly children: readonly LayerSymbol[];
}

/** A finding on the name of the layer it is about. */
export type LayerFinding = Finding & { readonly layer: string; readonly range: TextRange };

export interface ModelTextView {
  readonly model: LayerSymbol;
  readonly findings: readonly LayerFinding[];
  /** Why the model cannot be read, where the text or its weights are wrong. */
  readonly problem?: { readonly message: string; readonly range: TextRange };
}

/** What a hover shows of a layer. */
export interface LayerDetail {
  readonly path: string;
  readonly className: string;
  /** Of the first call's result, in the file's order, "?×28×28×16"; "" where it is not known. */
  readonly output: string;
  readonly calls: number;
  readonly parameters: number;
  readonly weights: readonly LayerWeight[];
}

export interface LayerWeight {
  /** "kernel", "gamma". */
  readonly name: string;
  /** In the file's order. */
  readonly shape: readonly number[];
  readonly mean: JsonNumber;
  readonly std: JsonNumber;
  readonly min: JsonNumber;
  readonly max: JsonNumber;
  readonly count: number;
  readonly zeros: number;
  /** The largest distance from 1, for what a new BatchNorm has as ones: gamma and the variance. */
  readonly fromOne?: JsonNumber;
}

/** What a pass could do at a layer, or why the file's format has no place for the result. */
export type LayerSite = TechniqueSite & { readonly refusal?: string };

export interface RewriteTextRequest extends ModelTextRequest, PassRequest {
  /** A folder of the asker's for the new files of weights. */
  readonly folder: string;
}

/** One change of the text and of the files beside it, to be made together. */
export interface RewrittenText {
  readonly report: PassReport;
  /** Without overlaps, in ascending order; ranges of the text before. */
  readonly edits: readonly { readonly range: TextRange; readonly content: string }[];
  /** New files of weights: their paths relative to the model's folder, and where they are kept. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
}
