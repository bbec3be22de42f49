import { siteId } from "../passes/pass.ts";
import { switchDropoutToInference } from "../passes/switch-dropout-to-inference.ts";
import type { Finding } from "../protocol/reports.ts";
import type { FindingRule } from "./finding-rule.ts";

/** Each Dropout that drops whenever the model runs, or may. */
export const dropoutTrainingMode: FindingRule = {
  id: "dropout-training-mode",
  find: (graph) =>
    switchDropoutToInference.find(graph, {}).map((site): Finding => {
      const about = {
        rule: "dropout-training-mode",
        node: siteId(site.node),
        help: "docs/techniques/findings.md#dropout-training-mode",
      } as const;
      if (!site.applicable) {
        const message = `${site.id} may drop when the model is used. ${site.reason}`;
        return { ...about, severity: "information", message, reason: site.reason };
      }
      return {
        ...about,
        severity: "warning",
        message: `${site.id} is in training mode: the same input gives another answer at each run. Unless that is meant, as in Monte-Carlo dropout, it should pass its input on.`,
        fix: { title: site.title, pass: switchDropoutToInference.id, site: site.id },
      };
    }),
};
