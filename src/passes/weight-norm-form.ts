import { type GraphBuilder, makeNode } from "../graph/builder.ts";
import { DataType, dataTypeName } from "../graph/data-type.ts";
import { type Graph, type Node, standardOpset } from "../graph/graph.ts";
import { readFloat64, roundedTensor } from "../graph/numbers.ts";
import { int64Tensor, type Tensor } from "../graph/tensor.ts";
import { type OutputUnits, unitShape } from "../operators/output-units.ts";
import { unitNorms } from "../operators/unit-sums.ts";

/** From it on, ReduceL2 takes its axes as an input. */
const FIRST_OPSET_WITH_AXES_INPUT = 18;

/** Types in which runtimes would square and add up with too few digits. */
const NARROW: ReadonlySet<DataType> = new Set([DataType.FLOAT16, DataType.BFLOAT16]);

/** A weight that is to be written as g·v/‖v‖. */
export interface NormalizedWeight {
  /** The value that the layer reads now; it becomes v. */
  readonly value: string;
  readonly tensor: Tensor;
  readonly units: OutputUnits;
  /** ‖w‖ of each unit. */
  readonly norms: Float64Array;
}

export interface WrittenForm {
  readonly nodes: readonly Node[];
  readonly initializers: readonly Tensor[];
  /** The value that is w. */
  readonly output: string;
}

/** The square of such a norm is a normal number of the type it is computed in, with digits to spare. */
const NORM_EXPONENTS: ReadonlyMap<DataType, number> = new Map([[DataType.DOUBLE, 480]]);
const FLOAT_EXPONENT = 52;

/**
 * ‖w‖ of each output unit.
 *
 * @returns the sentence about the first unit that has no direction, where there is one.
 */
export function weightNorms(label: string, tensor: Tensor, units: OutputUnits) {
  const norms = unitNorms(readFloat64(tensor), units);
  const limit = 2 ** (NORM_EXPONENTS.get(tensor.dataType) ?? FLOAT_EXPONENT);
  const unit = norms.findIndex((norm) => !(norm >= 1 / limit && norm <= limit));
  if (unit < 0) return norms;
  const norm = norms[unit] as number;
  if (norm === 0) {
    return `${label}: all weights of output unit ${unit} are zero, so that v/‖v‖ has no direction`;
  }
  const why = Number.isFinite(norm)
    ? `a norm of ${norm.toPrecision(3)}`
    : "a weight that is not finite";
  return `${label}: output unit ${unit} has ${why}, so that v/‖v‖ cannot be computed`;
}

/**
 * w = v·(g/‖v‖) as ReduceL2, Div and Mul, with v the stored weight as it is and g = ‖v‖. A grouped
 * ConvTranspose has its units along two axes of which one is part of a longer one, so there the
 * weight is reshaped on the way. Half precision is normalized in float32 and rounded once.
 *
 * @param stem what the tensors are named after.
 */
export function writeWeightNorm(
  graph: Graph,
  weight: NormalizedWeight,
  stem: string,
  names: GraphBuilder,
): WrittenForm {
  const { tensor, units, norms } = weight;
  const form = new FormBuilder(graph, stem, names);
  const narrow = NARROW.has(tensor.dataType);
  const reshaped = `${units.view}` !== `${tensor.dims}`;
  const wide = (value: string) => (narrow ? form.cast(value, DataType.FLOAT) : value);

  const stored = roundedTensor(
    names.freshName(`${stem}_g`),
    unitShape(units),
    tensor.dataType,
    norms,
  );
  const magnitude = wide(form.constant(stored));
  const cast = wide(weight.value);
  const direction = reshaped ? form.reshape(cast, units.view) : cast;
  const norm = form.norm(direction, units.reduced);
  const scale = form.add("Div", [magnitude, norm], "scale");
  const product = form.add("Mul", [direction, scale], "normalized");
  const whole = reshaped ? form.reshape(product, tensor.dims) : product;
  const output = narrow ? form.cast(whole, tensor.dataType) : whole;
  return { nodes: form.nodes, initializers: form.initializers, output };
}

class FormBuilder {
  readonly nodes: Node[] = [];
  readonly initializers: Tensor[] = [];
  readonly #graph: Graph;
  readonly #stem: string;
  readonly #names: GraphBuilder;

  constructor(graph: Graph, stem: string, names: GraphBuilder) {
    this.#graph = graph;
    this.#stem = stem;
    this.#names = names;
  }

  constant(tensor: Tensor): string {
    this.initializers.push(tensor);
    return tensor.name;
  }

  add(
    opType: string,
    inputs: readonly string[],
    what: string,
    attributes: Parameters<typeof makeNode>[3] = {},
  ): string {
    const output = this.#names.freshName(`${this.#stem}_${what}`);
    this.nodes.push(makeNode(opType, inputs, [output], { name: output, ...attributes }));
    return output;
  }

  cast(value: string, to: DataType): string {
    return this.add("Cast", [value], `as_${dataTypeName(to)}`, { attributes: { to: { int: to } } });
  }

  reshape(value: string, dims: readonly number[]): string {
    return this.add("Reshape", [value, this.#list("shape", dims)], "reshaped");
  }

  norm(value: string, axes: readonly number[]): string {
    const keepdims = { int: 1 };
    if (standardOpset(this.#graph) < FIRST_OPSET_WITH_AXES_INPUT) {
      return this.add("ReduceL2", [value], "norm", {
        attributes: { axes: { ints: axes }, keepdims },
      });
    }
    const inputs = [value, this.#list("axes", axes)];
    return this.add("ReduceL2", inputs, "norm", { attributes: { keepdims } });
  }

  #list(what: string, values: readonly number[]): string {
    const name = this.#names.freshName(`${this.#stem}_${what}`);
    return this.constant(int64Tensor(name, [values.length], values));
  }
}
