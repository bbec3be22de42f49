import type { Graph } from "../graph/graph.ts";
import type { PassOptions } from "../passes/pass.ts";
import type { SampleRuns } from "../passes/sample-runs.ts";
import type { TechniqueDescription } from "../protocol/engine.ts";
import type { AnalysisReport } from "../protocol/reports.ts";

/** Something that is only looked at. One file each; registry.ts lists them. */
export interface Analysis extends TechniqueDescription {
  /** @param samples the data, where it was given; always where `data` says that it is needed. */
  run(
    graph: Graph,
    options: PassOptions,
    samples: SampleRuns | undefined,
  ): Promise<Pick<AnalysisReport, "sentences" | "tables">>;
}
