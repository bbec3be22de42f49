import { floatAttribute } from "../../../../graph/attributes.ts";
import { makeNode } from "../../../../graph/builder.ts";
import { constantValue } from "../../../../graph/constants.ts";
import type { Node } from "../../../../graph/graph.ts";
import { readNumbers } from "../../../../graph/numbers.ts";
import { elementCount } from "../../../../graph/tensor.ts";
import { type Composed, type Composition, madeBy } from "./composition.ts";

/**
 * Group normalization (Wu & He 2018) as PyTorch's exporters write it: (N, C, …) as (N, groups, …), an
 * InstanceNormalization without scale and shift, and back.
 */
export const groupNormalization: Composition = {
  match({ graph, shapes }: Composed, core: Node) {
    if (core.opType !== "Reshape") return undefined;
    const normal = madeBy(graph, core.input[0] ?? "", "InstanceNormalization");
    const grouped = normal && madeBy(graph, normal.input[0] ?? "", "Reshape");
    if (normal === undefined || grouped === undefined) return undefined;
    const plain = [1, 0].every((number, index) => {
      const constant = constantValue(graph, normal.input[index + 1] ?? "");
      return constant !== undefined && readNumbers(constant).every((each) => each === number);
    });
    const [x = ""] = grouped.input;
    const shape = shapes.shape(x);
    const [, channels, ...positions] = shape ?? [];
    const [batch, groups, ...rest] = shapes.shape(grouped.output[0] ?? "") ?? [];
    const back = shapes.shape(core.output[0] ?? "");
    if (!plain || typeof channels !== "number" || typeof groups !== "number") return undefined;
    if (positions.length === 0 || rest.length !== 1 || channels % groups !== 0) return undefined;
    if (`${back}` !== `${shape}` || `${batch}` !== `${shape?.[0]}`) return undefined;
    const behind = positions.length;
    return {
      dims: [channels],
      // (C, 1, …): one for each channel, with as many axes behind as there are positions.
      fits: ({ dims }) => elementCount(dims) === channels && dims.at(-1 - behind) === channels,
      node: (output, scale, shift) =>
        makeNode("GroupNormalization", [x, scale, shift], [output], {
          name: normal.name,
          attributes: {
            num_groups: { int: groups },
            epsilon: { float: floatAttribute(normal, "epsilon", 1e-5) },
          },
        }),
    };
  },
};
