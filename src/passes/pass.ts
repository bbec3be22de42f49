import type { Graph, Node } from "../graph/graph.ts";
import type { OptionValues, TechniqueDescription } from "../protocol/engine.ts";
import type { ReportTable } from "../protocol/reports.ts";
import type { SampleRuns } from "./sample-runs.ts";

/** What a pass promises about the model's function. */
export type Preserves = "function" | "inference" | "nothing";

/** One place where a pass could act, applicable or with the reason why not. */
export type Site = ApplicableSite | SkippedSite;

interface SiteBase {
  /** The node the site is about; it stays valid for the graph it was found in. */
  readonly node: Node;
  /** Stable name of the site: the node's name, or its first output where it has none. */
  readonly id: string;
}

export interface ApplicableSite extends SiteBase {
  readonly applicable: true;
  /** Name of the node that takes the change up; the site's own where there is none. */
  readonly into: string;
  /** The light bulb's and button's words, for example "Fold bn1 into conv1". */
  readonly title: string;
}

export interface SkippedSite extends SiteBase {
  readonly applicable: false;
  /** One sentence that names the node or tensor in the way. */
  readonly reason: string;
}

/** Every option of the pass with a valid value: checkedOptions puts defaults in and refuses the rest. */
export type PassOptions = OptionValues;

/** Two values, one of each graph, that must agree after a site was applied. */
export interface SiteOutput {
  readonly site: string;
  readonly before: string;
  readonly after: string;
}

export interface PassResult {
  readonly graph: Graph;
  readonly applied: readonly { readonly node: string; readonly into: string }[];
  readonly skipped: readonly { readonly node: string; readonly reason: string }[];
  /** Where the certificate compares, besides the model's outputs. */
  readonly siteOutputs: readonly SiteOutput[];
  /**
   * The changed model adds up larger numbers that cancel, such as a whitening and its inverse, so
   * that it rounds more than the original. The certificate then measures the rounding of both.
   */
  readonly reconditions?: boolean;
  /** What changed in the function, in one sentence, where the pass does not promise to keep it. */
  readonly statement?: string;
  readonly tables?: readonly ReportTable[];
}

/**
 * A transformation. One file each; registry.ts lists them. `id` is the command line's word, for
 * example "fold-batch-norm"; `title` the palette's, for example "Fold BatchNorm".
 */
export interface Pass extends TechniqueDescription {
  /** May depend on the options: a BatchNorm inserted "fresh" promises nothing, an exact one does. */
  preserves(options: PassOptions): Preserves;
  /** Every candidate site, in node order. Linear in the size of the graph. */
  find(graph: Graph, options: PassOptions): readonly Site[];
  /** Applies the named sites; all applicable ones when sites is undefined. */
  apply(graph: Graph, sites: readonly string[] | undefined, options: PassOptions): PassResult;
  /** The same where it measures on data; called in place of apply whenever data is given. */
  applyOnData?(
    graph: Graph,
    sites: readonly string[] | undefined,
    options: PassOptions,
    samples: SampleRuns,
  ): Promise<PassResult>;
}

/** The site id of a node: its name, or its first output where the file gives no name. */
export function siteId(node: Node): string {
  return node.name !== "" ? node.name : (node.output[0] ?? "");
}
