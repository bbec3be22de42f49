import { dropRedundantBias } from "../passes/drop-redundant-bias.ts";
import type { FindingRule } from "./finding-rule.ts";

/** Each bias whose only reader is a BatchNorm, which subtracts it again. */
export const biasBeforeBatchNorm: FindingRule = {
  id: "bias-before-batch-norm",
  find: (graph) =>
    dropRedundantBias.find(graph, {}).flatMap((site) =>
      site.applicable
        ? [
            {
              rule: "bias-before-batch-norm",
              severity: "information",
              node: site.id,
              message: `The bias of ${site.id} has no effect: ${site.into} subtracts the mean, which contains it. While training it gets no gradient; it can move into the running mean, or disappear with a fold.`,
              help: "docs/techniques/findings.md#bias-before-batch-norm",
              fix: { title: site.title, pass: dropRedundantBias.id, site: site.id },
            },
          ]
        : [],
    ),
};
