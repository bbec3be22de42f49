import { intsAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { reshape } from "../operators/emit.ts";
import { type OutputUnits, outputUnits } from "../operators/output-units.ts";
import type { Parameter } from "./parameters.ts";

/** How the length of each unit's weights is held by changing a parameter. */
export type NormLimit =
  /** The parameter is the weight: its units are scaled. */
  | { readonly kind: "weight"; readonly units: OutputUnits }
  /** The parameter is the g of g·v/‖v‖, whose magnitude is the length. */
  | { readonly kind: "magnitude" };

/** Layers whose weights the limit is for; embeddings, biases and normalizations are left alone. */
const LAYERS: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/**
 * Where a limit on ‖w‖ of each output unit acts, by parameter.
 *
 * @throws InputError naming a weight that its layer reads in a way in which units are not known.
 */
export function normLimits(
  graph: Graph,
  parameters: readonly Parameter[],
): ReadonlyMap<string, NormLimit> {
  const limits = new Map<string, NormLimit>();
  for (const parameter of parameters) {
    const { name, role, node } = parameter;
    if (!LAYERS.has(node.opType)) continue;
    if (role === "magnitude") limits.set(name, { kind: "magnitude" });
    if (role === "weight")
      limits.set(name, { kind: "weight", units: storedUnits(graph, parameter) });
  }
  return limits;
}

/** The layer's units in the axes in which the weight is stored. */
function storedUnits(graph: Graph, { name, dims, node, input }: Parameter): OutputUnits {
  const carriers: Node[] = [];
  let value = node.input[input] ?? "";
  while (value !== name) {
    const producer = indexOf(graph).producer(value);
    const moves = producer?.opType === "Transpose" || producer?.opType === "Identity";
    if (producer === undefined || !moves || !isStandardDomain(producer.domain)) {
      throw new InputError(
        `maxNorm: the weight ${name} of ${node.opType} ${node.name || node.output[0]} is read through ${producer?.opType ?? value}, so that its output units are not known`,
      );
    }
    carriers.push(producer);
    value = producer.input[0] ?? "";
  }
  // Position i of the order: the stored axis that the layer sees as its axis i.
  const order = carriers.reduceRight<readonly number[]>(
    (axes, carrier) => moved(carrier, axes),
    dims.map((_, axis) => axis),
  );
  const seen = order.map((axis) => dims[axis] as number);
  const units = outputUnits(node, input, seen);
  const plain = carriers.length === 0 || units?.view.length === dims.length;
  if (units === undefined || !plain) {
    throw new InputError(`maxNorm: the weight ${name} of shape [${dims}] has no output units`);
  }
  if (carriers.length === 0) return units;
  return { view: dims, reduced: units.reduced.map((axis) => order[axis] as number) };
}

function moved(carrier: Node, axes: readonly number[]): readonly number[] {
  if (carrier.opType === "Identity") return axes;
  const order = intsAttribute(carrier, "perm") ?? axes.map((_, axis) => axes.length - 1 - axis);
  return order.map((axis) => axes[axis] as number);
}

/**
 * The parameter after the step brought back to where no unit's weights are longer than the limit c:
 *
 *   w ← w·min(1, c/‖w‖)
 *
 * N. Srivastava et al., "Dropout", 2014, section 5.1; N. Srebro and A. Shraibman, "Rank, Trace-Norm
 * and Max-Norm", 2005. Where ‖w‖ = 0 the quotient is infinite and the minimum 1.
 */
export function addProjection(
  builder: GraphBuilder,
  limit: NormLimit,
  c: number,
  parameter: string,
  dims: readonly number[],
): string {
  if (limit.kind === "magnitude") {
    const bounds = [builder.scalar(-c), builder.scalar(c)];
    return builder.add("Clip", [parameter, ...bounds], { stem: "limited" });
  }
  const { view, reduced } = limit.units;
  const whole = view.length === dims.length;
  const weight = whole ? parameter : reshape(builder, parameter, view);
  const norm = builder.add("ReduceL2", [weight, builder.ints(reduced)]);
  const quotient = builder.add("Div", [builder.scalar(c), norm]);
  const factor = builder.add("Min", [quotient, builder.scalar(1)]);
  const scaled = builder.add("Mul", [weight, factor], { stem: "limited" });
  return whole ? scaled : reshape(builder, scaled, dims);
}
