import { changeNode } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import {
  type AffineForm,
  affineForm,
  type BatchNormalization,
  readBatchNormalization,
} from "./batch-normalization.ts";
import { nameForChanged } from "./fold-pattern.ts";
import { knownTensor } from "./known-tensor.ts";
import { cannotHold } from "./layer-weight.ts";
import type { LinearLayer, LinearOperator } from "./linear-layer.ts";
import { overflowOf } from "./overflow.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { roundOnce } from "./scaled-tensor.ts";

/**
 * BatchNormalization as the neighbour that takes something up: y = s·(x − μ) + β with
 * s = γ/√(σ² + ε), so that what follows and what stands before compose with it:
 *
 *   a·(s·(x − μ) + β) + b    = (a·s)·(x − μ) + (a·β + b)
 *   s·((a·x + b) − μ) + β    = (s·a)·(x − μ) + (β + s·(b + (a − 1)·μ))
 *
 * Only γ and β change, γ by the same factor as s.
 */
export const batchNormalization: LinearOperator = {
  opType: "BatchNormalization",
  seenFromOutput: (graph, node) =>
    layer(graph, node, ({ beta }, _s, { scale, shift }) =>
      beta.map((value, c) => value * (scale[c] as number) + (shift[c] as number)),
    ),
  seenFromInput: (graph, node, position) => {
    if (position !== 0) return refuse(`${nodeLabel(node)} takes it as a parameter.`);
    return layer(graph, node, ({ beta, mean }, s, { scale, shift }) =>
      beta.map((value, c) => {
        const moved = (shift[c] as number) + ((scale[c] as number) - 1) * (mean[c] as number);
        return value + (s[c] as number) * moved;
      }),
    );
  },
};

type NewBeta = (
  batchNorm: BatchNormalization,
  scale: Float64Array,
  affine: AffineForm,
) => Float64Array;

function layer(graph: Graph, node: Node, newBeta: NewBeta): LinearLayer | Refusal {
  const batchNorm = readBatchNormalization(graph, node);
  if (isRefusal(batchNorm)) return batchNorm;
  const own = affineForm(batchNorm);
  if (isRefusal(own)) return own;
  if (batchNorm.dims.length !== 1) {
    return refuse(`The parameters of ${nodeLabel(node)} have shape [${batchNorm.dims}].`);
  }
  const tensors = [1, 2].map((position) =>
    knownTensor(graph, node.input[position] ?? "", `parameter of ${nodeLabel(node)}`),
  );
  const [gamma, beta] = tensors;
  if (gamma === undefined || beta === undefined) return refuse(`${nodeLabel(node)} is incomplete.`);
  if (isRefusal(gamma)) return gamma;
  if (isRefusal(beta)) return beta;
  return {
    node,
    axis: 1,
    channels: batchNorm.channels,
    shift: "own",
    absorb: (affine) => {
      const gammas = batchNorm.gamma.map((value, c) => value * (affine.scale[c] as number));
      const betas = newBeta(batchNorm, own.scale, affine);
      const overflow = overflowOf(gammas, gamma.dataType) ?? overflowOf(betas, beta.dataType);
      if (overflow !== undefined) return cannotHold(node, overflow);
      return absorbed(graph, node, { gamma, beta }, { gamma: gammas, beta: betas });
    },
  };
}

function absorbed(
  graph: Graph,
  node: Node,
  { gamma, beta }: Readonly<Record<"gamma" | "beta", Tensor>>,
  values: Readonly<Record<"gamma" | "beta", Float64Array>>,
): Exclude<ReturnType<LinearLayer["absorb"]>, Refusal> {
  return {
    touches: [],
    appends: false,
    build: ({ names, input, output }) => {
      const [value = "", gammaName = "", betaName = "", ...statistics] = node.input;
      const newGamma = nameForChanged(graph, gammaName, gamma, names);
      const newBeta = nameForChanged(graph, betaName, beta, names);
      return {
        nodes: [
          changeNode(node, {
            input: [input?.value ?? value, newGamma, newBeta, ...statistics],
            output: [output],
          }),
        ],
        initializers: [
          roundOnce(newGamma, gamma.dims, gamma.dataType, values.gamma),
          roundOnce(newBeta, beta.dims, beta.dataType, values.beta),
        ],
      };
    },
  };
}
