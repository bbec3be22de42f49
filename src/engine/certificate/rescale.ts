import type { Random } from "../../data/random.ts";
import { type GraphBuilder, makeNode } from "../../graph/builder.ts";
import { constantValue } from "../../graph/constants.ts";
import { type DataType, isFloatingPoint } from "../../graph/data-type.ts";
import { changeNode } from "../../graph/edit.ts";
import { type Graph, isStandardDomain, type Node } from "../../graph/graph.ts";
import { readFloat64, roundedTensor } from "../../graph/numbers.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { valueTypes } from "../../passes/value-types.ts";

export interface Rescaled {
  readonly nodes: readonly Node[];
  readonly initializers: readonly Tensor[];
  /** Inputs of the node whose rounding the rescaling stands for: its weight and its bias. */
  readonly covered: readonly string[];
}

/** Linear operators: input 0 times input 1, and whether input 2 is added. */
const HAS_BIAS: ReadonlyMap<string, boolean> = new Map([
  ["Conv", true],
  ["ConvTranspose", true],
  ["Gemm", true],
  ["MatMul", false],
]);

/**
 * A linear operator whose data is multiplied by a random factor c and whose result is divided by it
 * again:
 *
 *   (W·(c·x) + c·B) / c
 *
 * It is the same function, and all its products and partial sums are rounded anew. Moving stored
 * numbers by a unit does not do that: where the partial sums are large against the products, they
 * round as before, and a sum of thousands of terms hides most of its error.
 *
 * One factor for all channels needs no knowledge of where a weight has its channels, which is what
 * a fold may have got wrong; and the weight, the bulk of a model, stays as it is.
 *
 * @returns undefined for other operators, and where the bias is not stored.
 */
export function rescaled(
  graph: Graph,
  node: Node,
  names: GraphBuilder,
  random: Random,
): Rescaled | undefined {
  const hasBias = isStandardDomain(node.domain) ? HAS_BIAS.get(node.opType) : undefined;
  if (hasBias === undefined) return undefined;
  const [data = "", weight = "", biasName = ""] = node.input;
  const bias = hasBias && biasName !== "" ? constantValue(graph, biasName) : undefined;
  if (hasBias && biasName !== "" && bias === undefined) return undefined;
  const dataType = bias?.dataType ?? typeOf(graph, weight) ?? typeOf(graph, data);
  if (dataType === undefined || !isFloatingPoint(dataType)) return undefined;
  const [output = ""] = node.output;
  const constant = (stem: string, dims: readonly number[], values: Float64Array) =>
    roundedTensor(names.freshName(`${output}_${stem}`), dims, dataType, values);
  // Below one, so that nothing overflows that did not before. Division undoes it to one rounding,
  // which 1/c as a stored number of 8 or 11 bits would not.
  const factor = constant("factor", [], Float64Array.of(0.5 + random.uniform() / 2));
  const c = readFloat64(factor)[0] as number;
  const scaledBias =
    bias === undefined
      ? []
      : [
          constant(
            "bias",
            bias.dims,
            readFloat64(bias).map((value) => value * c),
          ),
        ];
  const scaledData = names.freshName(`${output}_data`);
  const result = names.freshName(`${output}_rescaled`);
  const input = [scaledData, weight, ...scaledBias.map((tensor) => tensor.name)];
  return {
    nodes: [
      makeNode("Mul", [data, factor.name], [scaledData]),
      changeNode(node, { input, output: [result] }),
      makeNode("Div", [result, factor.name], [output]),
    ],
    initializers: [factor, ...scaledBias],
    covered: [weight, ...(bias === undefined ? [] : [biasName])],
  };
}

function typeOf(graph: Graph, value: string): DataType | undefined {
  return constantValue(graph, value)?.dataType ?? valueTypes(graph).get(value)?.dataType;
}
