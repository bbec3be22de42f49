import { siteId } from "../passes/pass.ts";
import { examinedBatchNorms } from "./batch-norms.ts";
import type { FindingRule } from "./finding-rule.ts";

/** Numbers that make the result of a BatchNorm NaN or infinite. */
export const batchNormNumerics: FindingRule = {
  id: "batch-norm-numerics",
  find: (graph) =>
    examinedBatchNorms(graph).flatMap(({ batchNorm, problem }) =>
      problem === undefined
        ? []
        : [
            {
              rule: "batch-norm-numerics",
              severity: "error",
              node: siteId(batchNorm.node),
              message: problem.reason,
              help: "docs/techniques/findings.md#batch-norm-numerics",
            },
          ],
    ),
};
