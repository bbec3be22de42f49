import type { Graph } from "../../graph/graph.ts";
import type { SiteOutput } from "../../passes/pass.ts";
import type { DataOptions } from "../../protocol/data-options.ts";
import type { ProgressNotification } from "../../protocol/engine.ts";
import type { Certificate } from "../../protocol/reports.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { examine } from "./examine.ts";
import { certifyPieces } from "./piecewise.ts";
import { notChecked } from "./verdict.ts";

export interface CertifyRequest {
  readonly before: Graph;
  readonly after: Graph;
  /** Places that the pass changed, as its result lists them. */
  readonly siteOutputs?: readonly SiteOutput[];
  /** See PassResult.reconditions. */
  readonly reconditioned?: boolean;
  /** The user's data set: a path, or "digits". */
  readonly data?: string;
  readonly dataOptions?: Partial<DataOptions>;
  readonly runtime: Runtime;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ProgressNotification) => void;
}

/**
 * Shows whether a pass kept the model's function: both models run on made-up inputs (and the
 * user's data), and every difference, at the outputs and at each changed place, is held against
 * what rounding explains of it (rounding.ts). Where the original does not run, the changed places
 * are cut out and compared one by one (piecewise.ts).
 *
 * A certificate that does not pass says either that and where the function differs, or that it was
 * not checked and why.
 *
 * @throws InputError when the data does not fit the model, Cancelled when the signal says so.
 */
export function certify(request: CertifyRequest): Promise<Certificate> {
  const { before, after, siteOutputs, ...rest } = request;
  const same = (name: string) => name;
  return examine({
    ...rest,
    original: before,
    changed: after,
    changedInput: same,
    changedOutput: same,
    sites: siteOutputs ?? [],
    cannotRun: async (why) => (await certifyPieces(request, why)) ?? notChecked("original", why),
  });
}
