import type { Dimension } from "../graph/builder.ts";
import { isOverridable } from "../graph/constants.ts";
import { DataType, dataTypeName } from "../graph/data-type.ts";
import { type Graph, isStandardDomain, type Node, standardOpset } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { noiseStrength } from "../operators/variational-dropout.ts";
import type { Candidate } from "./candidates.ts";
import { FIRST_OPSET_WITH_RATIO_INPUT, isDropout } from "./dropout.ts";
import { hiddenNonlinearities } from "./hidden-nonlinearities.ts";
import { nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { valueTypes } from "./value-types.ts";

/** A value to put noise on. */
export interface NoisePlace {
  readonly kind: "unit" | "weight";
  readonly value: string;
  /** Shape of log α, which lines up with the value's last axes. */
  readonly dims: readonly number[];
}

/** Hidden nonlinearities or layers with a weight, and where their noise would go. */
export function noiseCandidates(
  graph: Graph,
  grain: NoisePlace["kind"],
): readonly Candidate<NoisePlace>[] {
  const found =
    grain === "weight"
      ? weightLayers(graph).map(({ node, input }) => ({
          node,
          plan: weightPlace(graph, node, input),
        }))
      : hiddenNonlinearities(graph).map(({ node, output }) => ({
          node,
          plan: typeof output === "object" ? output : unitPlace(graph, node, output),
        }));
  if (standardOpset(graph) >= FIRST_OPSET_WITH_RATIO_INPUT) return found;
  const reason = `The model's operator set is ${standardOpset(graph)}; a Dropout has a computed ratio from ${FIRST_OPSET_WITH_RATIO_INPUT} on.`;
  return found.map(({ node }) => ({ node, plan: refuse(reason) }));
}

const WEIGHT_INPUTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1],
  ConvTranspose: [1],
  Gemm: [1],
  MatMul: [1, 0],
};

/** Linear layers, and the input that is stored. */
function weightLayers(graph: Graph): { node: Node; input: number }[] {
  return graph.nodes.filter(isLayer).map((node) => {
    const positions = WEIGHT_INPUTS[node.opType] ?? [];
    const stored = positions.find((input) => graph.initializers.has(node.input[input] ?? ""));
    return { node, input: stored ?? 1 };
  });
}

function isLayer(node: Node): boolean {
  return isStandardDomain(node.domain) && node.opType in WEIGHT_INPUTS;
}

function weightPlace(graph: Graph, node: Node, input: number): NoisePlace | Refusal {
  const value = node.input[input] ?? "";
  const tensor = graph.initializers.get(value);
  const producer = indexOf(graph).producer(value);
  if (producer !== undefined && noiseStrength(graph, producer) !== undefined) {
    return refuse(`${nodeLabel(producer)} stands on the weight of ${nodeLabel(node)} already.`);
  }
  if (tensor === undefined || isOverridable(graph, value)) {
    return refuse(`The weight of ${nodeLabel(node)} (${value}) is not stored as it is read.`);
  }
  const uses = indexOf(graph).uses(value);
  const others = uses.find((use) => use.node !== node)?.node;
  if (others !== undefined) {
    return refuse(`${nodeLabel(others)} reads the weight ${value} of ${nodeLabel(node)} too.`);
  }
  return float32Place({ kind: "weight", value, dims: tensor.dims }, tensor.dataType);
}

function unitPlace(graph: Graph, node: Node, value: string): NoisePlace | Refusal {
  const index = indexOf(graph);
  if (index.isOutput(value)) {
    return refuse(`The result of ${nodeLabel(node)} (${value}) is an output of the model.`);
  }
  const dropout = index.uses(value).find((use) => isDropout(use.node));
  if (dropout !== undefined) {
    return refuse(`${nodeLabel(dropout.node)} follows ${nodeLabel(node)} already.`);
  }
  const type = valueTypes(graph).get(value);
  const axis = type === undefined ? undefined : unitAxis(graph, node, type.shape);
  const units = type?.shape[axis ?? 0];
  if (type === undefined || axis === undefined || typeof units !== "number") {
    return refuse(
      `The axis of the units of ${value}, which ${nodeLabel(node)} makes, is not known.`,
    );
  }
  const dims = [units, ...type.shape.slice(axis + 1).map(() => 1)];
  return float32Place({ kind: "unit", value, dims }, type.dataType);
}

function float32Place(place: NoisePlace, dataType: DataType): NoisePlace | Refusal {
  return dataType === DataType.FLOAT
    ? place
    : refuse(`${place.value} is ${dataTypeName(dataType)}, and training needs float32.`);
}

/** Nodes between a layer and its nonlinearity that are looked at. */
const LONGEST_WAY = 16;

/** Channels of a convolution are axis 1, features of a matrix product the last axis. */
function unitAxis(graph: Graph, node: Node, shape: readonly Dimension[]): number | undefined {
  if (shape.length === 2) return 1;
  let value = node.input[0] ?? "";
  for (let step = 0; step < LONGEST_WAY; step++) {
    const producer = indexOf(graph).producer(value);
    if (producer === undefined) return undefined;
    if (producer.opType.startsWith("Conv")) return shape.length > 2 ? 1 : undefined;
    if (isLayer(producer)) return shape.length - 1;
    const inputs = producer.input.filter((input) => indexOf(graph).producer(input) !== undefined);
    value = inputs[0] ?? "";
  }
  return undefined;
}
