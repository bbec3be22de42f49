import { changeNode } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { channelArithmetic, channelConstantDims } from "./channel-constant.ts";
import type { FoldSite, Remainder } from "./fold-pattern.ts";
import type { TensorNames } from "./linear-layer.ts";
import { overflowOf } from "./overflow.ts";
import { siteId } from "./pass.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { roundOnce } from "./scaled-tensor.ts";
import { valueTypes } from "./value-types.ts";

/** The constant b/a of an Add in front, or why the scale cannot be taken out of a·x + b. */
export interface KeptShift {
  readonly dims: readonly number[];
  readonly axis: number;
  readonly values: Float64Array;
  readonly dataType: Tensor["dataType"];
}

/** Where the shift of a·x + b cannot be taken up with the scale: a·x + b = a·(x + b/a). */
export function keptShift(
  graph: Graph,
  { node, input, output, affine }: FoldSite,
): KeptShift | Refusal {
  const { axis = 0, scale, shift } = affine;
  if (graph.source.layersOnly === true) {
    return refuse(
      `The shift of ${siteId(node)} would stay as an Add in front of zero padding, for which a model of layers has no place; as .onnx it is folded.`,
    );
  }
  const type = valueTypes(graph).get(input) ?? valueTypes(graph).get(output);
  if (type === undefined) {
    return refuse(
      `The number of dimensions of ${input}, the input of ${siteId(node)}, is not known.`,
    );
  }
  const lost = scale.findIndex((value, c) => value === 0 && shift[c] !== 0);
  if (lost >= 0) {
    return refuse(
      `The scale of ${siteId(node)} is zero in channel ${lost}, so its shift cannot be kept as an Add in front of zero padding.`,
    );
  }
  const values = shift.map((value, c) => (value === 0 ? 0 : value / (scale[c] as number)));
  const overflow = overflowOf(values, type.dataType);
  if (overflow !== undefined) {
    return refuse(`The Add in front of zero padding would have to store ${overflow}.`);
  }
  const dims = channelConstantDims(graph, values.length, axis, type.shape.length);
  return { dims, axis, values, dataType: type.dataType };
}

/** What stays of the site: nothing, the Add of a shift, or what the site does besides. */
export function remainder(
  graph: Graph,
  site: FoldSite,
  kept: KeptShift | undefined,
  names: TensorNames,
): Remainder {
  if (site.remainder !== undefined) return site.remainder(kept?.values, names);
  if (kept === undefined) return { nodes: [], initializers: [], output: site.input };
  const name = names.builder.freshName(`${siteId(site.node)}_shift`);
  const constant = roundOnce(name, kept.dims, kept.dataType, kept.values);
  const output = names.builder.freshName(`${site.input}_shifted`);
  const operands = { value: site.input, constant: constant.name };
  const add = channelArithmetic(graph, "Add", operands, output, kept.axis, site.node.name);
  const { opType, input, attribute } = add;
  const node = changeNode(site.node, { opType, input, output: [output], attribute });
  return { nodes: [node], initializers: [constant], output };
}
