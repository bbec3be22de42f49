import { intAttribute, intsAttribute } from "../../graph/attributes.ts";
import { constantValue } from "../../graph/constants.ts";
import { type DataType, isFloatingPoint } from "../../graph/data-type.ts";
import type { Graph } from "../../graph/graph.ts";
import { isBatchNormalization } from "../../passes/batch-normalization.ts";
import { valueTypes } from "../../passes/value-types.ts";
import type { Region } from "./changed-regions.ts";
import { runtimeType } from "./element-types.ts";
import type { BoundInput } from "./trial-inputs.ts";

const BATCH = 2;

/** Sizes to try for axes that the model leaves open. */
export const OPEN_SIZES: readonly number[] = [8, 32, 1];

/** Room for a kernel to move in, on each axis of made-up data. */
const SLACK = 3;

/**
 * Types and shapes for the inputs of a piece: as inferred for the whole model, or such as the linear
 * operator that reads the value can take.
 *
 * @param float32 the piece is run in float32 whatever its own type.
 * @returns a phrase where nothing is known of an input.
 */
export function pieceInputs(
  graph: Graph,
  region: Region,
  size: number,
  float32: boolean,
): readonly BoundInput[] | string {
  const inputs: BoundInput[] = [];
  for (const name of region.inputs) {
    const known = valueTypes(graph).get(name) ?? suitedToReader(graph, region, name);
    if (known === undefined) return `the shape of ${name} is not known`;
    const toFloat32 = float32 && isFloatingPoint(known.dataType);
    const type = toFloat32 ? "float32" : runtimeType(known.dataType);
    if (type === undefined) return `${name} has no type that a runtime takes`;
    const dims = known.shape.map((each, axis) => {
      if (typeof each === "number") return each;
      return axis === 0 ? BATCH : size;
    });
    inputs.push({ name, type, dims });
  }
  return inputs;
}

interface Suited {
  readonly dataType: DataType;
  readonly shape: readonly number[];
}

/** A shape that the first reader with stored weights takes. */
function suitedToReader(graph: Graph, region: Region, name: string): Suited | undefined {
  for (const node of region.nodes) {
    if (node.input[0] !== name) continue;
    const weight = constantValue(graph, node.input[1] ?? "");
    if (weight === undefined) continue;
    const { dataType, dims } = weight;
    const [first = 1, second = 1] = dims;
    const dilations = intsAttribute(node, "dilations");
    const spatial = dims
      .slice(2)
      .map((kernel, axis) => (kernel - 1) * (dilations?.[axis] ?? 1) + 1 + SLACK);
    if (node.opType === "Conv") {
      return { dataType, shape: [BATCH, second * intAttribute(node, "group", 1), ...spatial] };
    }
    if (node.opType === "ConvTranspose") return { dataType, shape: [BATCH, first, ...spatial] };
    if (node.opType === "MatMul" && dims.length === 2) return { dataType, shape: [BATCH, first] };
    if (node.opType === "Gemm" && intAttribute(node, "transA", 0) === 0) {
      return { dataType, shape: [BATCH, intAttribute(node, "transB", 0) === 0 ? first : second] };
    }
    if (isBatchNormalization(node)) {
      const rest = region.nodes.some((each) => each.opType === "Gemm") ? [] : [SLACK, SLACK];
      return { dataType, shape: [BATCH, first, ...rest] };
    }
  }
  return undefined;
}
