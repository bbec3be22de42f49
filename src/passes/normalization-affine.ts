import { intAttribute } from "../graph/attributes.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { isIdentity } from "./channel-affine.ts";
import { changedStem, type FoldSite, nameForChanged, type Remainder } from "./fold-pattern.ts";
import { knownTensor, knownValues } from "./known-tensor.ts";
import type { TensorNames } from "./linear-layer.ts";
import { siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { roundOnce } from "./scaled-tensor.ts";
import { rankOf } from "./value-types.ts";

/** The axis that scale and shift lie along, and whether the shift may be left out. */
interface Kind {
  axis(graph: Graph, node: Node): number | Refusal;
  readonly shiftIsOptional: boolean;
}

const KINDS: Readonly<Record<string, Kind>> = {
  InstanceNormalization: { axis: () => 1, shiftIsOptional: false },
  LayerNormalization: { axis: lastAxis, shiftIsOptional: true },
};

/**
 * What InstanceNormalization and LayerNormalization do after normalizing, y = γ·n + β. The node
 * stays, with γ = 1 and β = 0, or left out where the operator allows it.
 *
 * @returns undefined for other nodes, and where γ and β do nothing.
 */
export function normalizationAffine(graph: Graph, node: Node): FoldSite | Refusal | undefined {
  const kind = isStandardDomain(node.domain) ? KINDS[node.opType] : undefined;
  if (kind === undefined) return undefined;
  const [input = "", scaleName = "", shiftName = ""] = node.input;
  const scale = knownTensor(graph, scaleName, `scale of ${siteId(node)}`);
  if (isRefusal(scale)) return scale;
  const gamma = knownValues(scale);
  if (isRefusal(gamma)) return gamma;
  const beta =
    shiftName === "" ? undefined : knownTensor(graph, shiftName, `shift of ${siteId(node)}`);
  if (beta !== undefined && isRefusal(beta)) return beta;
  const shift = beta === undefined ? new Float64Array(gamma.length) : knownValues(beta);
  if (isRefusal(shift)) return shift;
  if (shift.length !== gamma.length) {
    return refuse(
      `The shift of ${siteId(node)} has ${shift.length} numbers, its scale ${gamma.length}.`,
    );
  }
  if (isIdentity({ scale: gamma, shift })) return undefined;
  if (scale.dims.length !== 1) {
    return refuse(
      `The scale of ${siteId(node)} has shape [${scale.dims}], not one number a channel.`,
    );
  }
  if (![...gamma, ...shift].every(Number.isFinite)) {
    return refuse(`The scale or shift of ${siteId(node)} is not finite.`);
  }
  const axis = kind.axis(graph, node);
  if (typeof axis !== "number") return axis;
  const output = node.output[0] ?? "";
  return {
    node,
    kind: "normalization",
    input,
    output,
    affine: { axis, scale: gamma, shift },
    remainder: (kept, names) => plain(graph, node, { scale, beta }, kind, kept, names),
  };
}

function lastAxis(graph: Graph, node: Node): number | Refusal {
  const rank = rankOf(graph, node.input[0] ?? "");
  const axis = intAttribute(node, "axis", -1);
  if (rank === undefined) {
    return refuse(
      `The number of dimensions of ${node.input[0]}, the input of ${siteId(node)}, is not known.`,
    );
  }
  return axis === -1 || axis === rank - 1
    ? rank - 1
    : refuse(`${nodeLabel(node)} normalizes over several axes.`);
}

function plain(
  graph: Graph,
  node: Node,
  { scale, beta }: { readonly scale: Tensor; readonly beta: Tensor | undefined },
  kind: Kind,
  kept: Float64Array | undefined,
  names: TensorNames,
): Remainder {
  const [input = "", scaleName = "", shiftName = ""] = node.input;
  const channels = scale.dims[0] ?? 0;
  const ones = roundOnce(
    nameForChanged(graph, scaleName, scale, names),
    scale.dims,
    scale.dataType,
    new Float64Array(channels).fill(1),
  );
  const needsShift = kept !== undefined || !kind.shiftIsOptional;
  const shift =
    beta !== undefined && needsShift
      ? roundOnce(
          nameForChanged(graph, shiftName, beta, names),
          beta.dims,
          beta.dataType,
          kept ?? new Float64Array(channels),
        )
      : undefined;
  const output = names.builder.freshName(changedStem(node.output[0] ?? ""));
  const changed = changeNode(node, {
    input: [input, ones.name, ...(shift === undefined ? [] : [shift.name])],
    output: [output, ...node.output.slice(1)],
  });
  return { nodes: [changed], initializers: shift === undefined ? [ones] : [ones, shift], output };
}
