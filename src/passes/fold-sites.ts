import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { affineForm, isBatchNormalization, readBatchNormalization } from "./batch-normalization.ts";
import { isConstantArithmetic, readConstantAffine } from "./constant-affine.ts";
import { foldBackward } from "./fold-backward.ts";
import { foldForward } from "./fold-forward.ts";
import type { Fold, FoldOptions, FoldSite } from "./fold-pattern.ts";
import { linearOperator } from "./linear-operators.ts";
import { siteId } from "./pass.ts";
import { isRefusal, type Refusal, refuse } from "./refusal.ts";

/** Which neighbours a round of the strategy looks at. */
export type FoldDirection = "backward" | "forward" | "either";

/** How a node folds, or why not; undefined for a node that nobody would call a site. */
export function findFold(
  graph: Graph,
  node: Node,
  options: FoldOptions,
  direction: FoldDirection = "either",
): Fold | Refusal | undefined {
  if (isBatchNormalization(node)) return foldNormalization(graph, node, options, direction);
  return isConstantArithmetic(graph, node)
    ? foldArithmetic(graph, node, options, direction)
    : undefined;
}

/** The reason of the side on which a linear operator stands; of the one before where both do. */
function foldNormalization(
  graph: Graph,
  node: Node,
  options: FoldOptions,
  direction: FoldDirection,
): Fold | Refusal {
  const site = normalizationSite(graph, node);
  if (isRefusal(site)) return site;
  const backward = direction === "forward" ? undefined : foldBackward(graph, site, options);
  if (backward !== undefined && !isRefusal(backward)) return backward;
  const forward = direction === "backward" ? undefined : foldForward(graph, site, options);
  if (forward !== undefined && !isRefusal(forward)) return forward;
  const near = [backward, forward].find((refusal) => refusal?.near === true);
  return near ?? backward ?? forward ?? refuse("");
}

function normalizationSite(graph: Graph, node: Node): FoldSite | Refusal {
  const batchNorm = readBatchNormalization(graph, node);
  if (isRefusal(batchNorm)) return batchNorm;
  if (batchNorm.dims.length !== 1) {
    return refuse(
      `The parameters of ${siteId(node)} have shape [${batchNorm.dims}]: one for each position, not for each channel.`,
    );
  }
  const affine = affineForm(batchNorm);
  if (isRefusal(affine)) return affine;
  const { input, output } = batchNorm;
  return { node, kind: "normalization", input, output, affine: { axis: 1, ...affine } };
}

/**
 * Arithmetic folds where the model gets shorter: into the linear operator or BatchNorm before it,
 * or into the BatchNorms after it. An Add behind MatMul is its bias and stays.
 */
function foldArithmetic(
  graph: Graph,
  node: Node,
  options: FoldOptions,
  direction: FoldDirection,
): Fold | Refusal | undefined {
  const arithmetic = readConstantAffine(graph, node);
  if (arithmetic === undefined) return undefined;
  if (isRefusal(arithmetic)) {
    return node.input.some((value) => followsLayer(graph, node, value)) ? arithmetic : undefined;
  }
  const { input, affine } = arithmetic;
  const site: FoldSite = {
    node,
    kind: "arithmetic",
    input,
    output: node.output[0] ?? "",
    affine,
  };
  const backward =
    direction === "forward"
      ? undefined
      : foldBackward(graph, site, { ...options, duplicateProducer: false });
  if (backward !== undefined && !isRefusal(backward) && backward.addedNodes < 0) return backward;
  const forward = direction === "backward" ? undefined : foldForward(graph, site, options);
  if (forward !== undefined && !isRefusal(forward) && intoNormalizations(graph, forward)) {
    return forward;
  }
  const refused = backward !== undefined && isRefusal(backward) && followsLayer(graph, node, input);
  return refused ? backward : undefined;
}

function intoNormalizations(graph: Graph, fold: Fold): boolean {
  const index = indexOf(graph);
  const readers = fold.outputs.map((value) => index.producer(value));
  return fold.addedNodes < 0 && readers.every((node) => node && isBatchNormalization(node));
}

/** Whether a layer with known weights makes a value, so that a reason not to fold says something. */
function followsLayer(graph: Graph, node: Node, value: string): boolean {
  const producer = indexOf(graph).producer(value);
  const operator = producer && linearOperator(producer);
  if (producer === undefined || operator === undefined) return false;
  const layer = operator.seenFromOutput(graph, producer);
  if (isRefusal(layer)) return false;
  return layer.shift === "own" || node.opType === "Mul" || node.opType === "Div";
}
