import { floatAttribute, intAttribute } from "../graph/attributes.ts";
import { constantValue } from "../graph/constants.ts";
import { type Graph, isStandardDomain, type Node, standardOpset } from "../graph/graph.ts";
import { readNumbers } from "../graph/numbers.ts";
import { nodeLabel, type Refusal, refuse } from "./refusal.ts";

/*
 * Dropout (Srivastava et al. 2014) as ONNX has it: inverted. While training, each element is zeroed
 * with probability `ratio` and the others are multiplied by 1/(1 − ratio); at inference nothing
 * happens.
 */

/** Before it, the attribute is_test says whether a Dropout drops; after it none does until training_mode. */
export const FIRST_OPSET_WITHOUT_IS_TEST = 7;

/** From it on, ratio and training_mode are inputs. */
export const FIRST_OPSET_WITH_RATIO_INPUT = 12;

const DEFAULT_RATIO = 0.5;
const [RATIO, TRAINING_MODE] = [1, 2] as const;

export function isDropout(node: Node): boolean {
  return node.opType === "Dropout" && isStandardDomain(node.domain);
}

/** Share of the elements that is dropped, or why it is not known or none. */
export function dropRatio(graph: Graph, node: Node): number | Refusal {
  const value = node.input[RATIO] ?? "";
  if (value === "") return inRange(node, floatAttribute(node, "ratio", DEFAULT_RATIO));
  const tensor = constantValue(graph, value);
  if (tensor === undefined) {
    return refuse(`The ratio of ${nodeLabel(node)} (${value}) is known only at run time.`);
  }
  return inRange(node, readNumbers(tensor)[0] ?? Number.NaN);
}

function inRange(node: Node, ratio: number): number | Refusal {
  return ratio >= 0 && ratio < 1
    ? ratio
    : refuse(`The ratio of ${nodeLabel(node)} is ${ratio}; from 0 to below 1 is needed.`);
}

/** Whether a node drops when the model is used, or why that is not known. */
export function dropsAtInference(graph: Graph, node: Node): boolean | Refusal {
  const opset = standardOpset(graph);
  if (opset < FIRST_OPSET_WITHOUT_IS_TEST) return intAttribute(node, "is_test", 0) === 0;
  const value = node.input[TRAINING_MODE] ?? "";
  if (opset < FIRST_OPSET_WITH_RATIO_INPUT || value === "") return false;
  const mode = constantValue(graph, value);
  if (mode === undefined) {
    return refuse(
      `Whether ${nodeLabel(node)} drops is decided at run time, by its training_mode (${value}).`,
    );
  }
  const ratio = dropRatio(graph, node);
  return readNumbers(mode)[0] !== 0 && (typeof ratio === "object" || ratio > 0);
}
