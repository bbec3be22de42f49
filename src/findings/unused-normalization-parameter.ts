import { isFloatingPoint } from "../graph/data-type.ts";
import type { Graph } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import type { Finding } from "../protocol/reports.ts";
import type { FindingRule } from "./finding-rule.ts";

/** How frameworks name the parameters of a normalization. */
const NORMALIZATION_NAME =
  /(running|moving)_(mean|var)|batch_?norm|layer_?norm|(^|[^a-z])(bn|norm|gamma|beta)([^a-z]|$)/i;

/**
 * Parameters of a normalization that nobody reads: an exporter or another tool folded it and left
 * its numbers in the file.
 */
export const unusedNormalizationParameter: FindingRule = {
  id: "unused-normalization-parameter",
  find: unusedParameters,
};

function unusedParameters(graph: Graph): Finding[] {
  const index = indexOf(graph);
  const findings: Finding[] = [];
  for (const [name, tensor] of graph.initializers) {
    const read = index.uses(name).length > 0 || index.readByBody(name) || index.isOutput(name);
    if (read || tensor.dims.length !== 1 || !isFloatingPoint(tensor.dataType)) continue;
    if (!NORMALIZATION_NAME.test(name)) continue;
    findings.push({
      rule: "unused-normalization-parameter",
      severity: "information",
      node: name,
      message: `The normalization parameter ${name} (${tensor.dims[0]} numbers) is read by nobody.`,
      help: "docs/techniques/findings.md#unused-normalization-parameter",
    });
  }
  return findings;
}
