import type { Dimension } from "../graph/builder.ts";
import { constantValue, isIndexTensor } from "../graph/constants.ts";
import type { DataType } from "../graph/data-type.ts";
import { type Graph, type Node, STANDARD_DOMAIN, type ValueInfo } from "../graph/graph.ts";
import { readNumbers } from "../graph/numbers.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import { type ShapeContext, UNKNOWN_SIZE, type ValueType } from "./operator.ts";
import { operatorRule } from "./table.ts";

/** Integer tensors longer than this are data, not shapes. */
const LONGEST_ELEMENT_LIST = 64;

/**
 * Types and shapes of a graph's values, as far as they follow from its inputs and initializers.
 * Where the rules say less than the file's own value_info, that is taken. A model that makes no
 * sense leaves values unknown; it never throws.
 *
 * @param bindings sizes to put for named dimensions, for example the batch; UNKNOWN_SIZE as a name
 *   stands for the sizes that the file leaves without one.
 */
export function inferShapes(
  graph: Graph,
  bindings: ReadonlyMap<string, number> = new Map(),
): ReadonlyMap<string, ValueType> {
  return inferTypes(graph, bindings).types;
}

/** The same walk, for callers that also ask for the elements of computed shapes. */
export function inferTypes(graph: Graph, bindings: ReadonlyMap<string, number>): TypeInference {
  const inference = new TypeInference(graph.opsets, (name) => constantValue(graph, name));
  for (const tensor of graph.initializers.values()) {
    inference.declare(tensor.name, { dataType: tensor.dataType, shape: tensor.dims });
  }
  for (const input of graph.inputs) {
    const type = declaredType(input, bindings);
    if (type !== undefined && !graph.initializers.has(input.name)) {
      inference.declare(input.name, type);
    }
  }
  const declared = new Map<string, ValueType>();
  for (const info of [...graph.valueInfo, ...graph.outputs]) {
    const type = declaredType(info, bindings);
    if (type !== undefined) declared.set(info.name, type);
  }
  for (const node of graph.nodes) {
    inference.visit(node);
    for (const output of node.output) {
      const type = refine(inference.types.get(output), declared.get(output));
      if (type !== undefined && output !== "") inference.declare(output, type);
    }
  }
  return inference;
}

/** The type that a graph states for a value; undefined for sequences, maps and missing shapes. */
export function declaredType(
  info: ValueInfo,
  bindings: ReadonlyMap<string, number> = new Map(),
): ValueType | undefined {
  const type = info.type?.value;
  if (type?.case !== "tensorType" || type.value.shape === undefined) return undefined;
  const shape = type.value.shape.dim.map((dim): Dimension => {
    if (dim.value.case === "dimValue" && dim.value.value >= 0n) return Number(dim.value.value);
    const name = dim.value.case === "dimParam" ? dim.value.value : "";
    return bindings.get(name === "" ? UNKNOWN_SIZE : name) ?? (name === "" ? UNKNOWN_SIZE : name);
  });
  return { dataType: type.value.elemType as DataType, shape };
}

/** The inferred type with names and gaps filled from the declared one. */
function refine(inferred?: ValueType, declared?: ValueType): ValueType | undefined {
  if (inferred === undefined || declared === undefined) return inferred ?? declared;
  if (inferred.shape.length !== declared.shape.length) return inferred;
  const shape = inferred.shape.map((size, axis) => {
    const stated = declared.shape[axis] ?? size;
    if (typeof size === "number") return size;
    return size === UNKNOWN_SIZE || typeof stated === "number" ? stated : size;
  });
  return { dataType: inferred.dataType, shape };
}

/** Infers node by node, in order; the step graph is followed with it while it is being built. */
export class TypeInference {
  readonly types = new Map<string, ValueType>();
  readonly #elements = new Map<string, readonly Dimension[]>();
  readonly #opsets: ReadonlyMap<string, number>;
  readonly #constant: (name: string) => Tensor | undefined;

  constructor(opsets: ReadonlyMap<string, number>, constant: (name: string) => Tensor | undefined) {
    this.#opsets = opsets;
    this.#constant = constant;
  }

  declare(name: string, type: ValueType): void {
    this.types.set(name, type);
  }

  visit(node: Node): void {
    const rule = operatorRule(node.domain, node.opType);
    if (rule === undefined) return;
    const context = this.#context(node);
    // Rules read attributes and constants of files that may hold anything; what they cannot make
    // sense of is unknown, and whoever runs the model hears it from the runtime.
    try {
      for (const [index, type] of rule.inferShapes(context).entries()) {
        const output = node.output[index] ?? "";
        if (output !== "" && type !== undefined) this.types.set(output, type);
      }
      const elements = rule.inferElements?.(context);
      const output = node.output[0] ?? "";
      if (elements !== undefined && elements.length <= LONGEST_ELEMENT_LIST) {
        this.#elements.set(output, elements);
      }
    } catch {
      return;
    }
  }

  /** Elements of an integer value, row-major, where they are constant (rank 0 or 1) or follow from shapes. */
  elements(name: string): readonly Dimension[] | undefined {
    const known = this.#elements.get(name);
    if (known !== undefined) return known;
    const tensor = this.#constant(name);
    if (tensor === undefined || !isIndexTensor(tensor) || tensor.dims.length > 1) return undefined;
    return elementCount(tensor.dims) > LONGEST_ELEMENT_LIST ? undefined : readNumbers(tensor);
  }

  constant(name: string): Tensor | undefined {
    return this.#constant(name);
  }

  type(name: string): ValueType | undefined {
    const known = this.types.get(name);
    const tensor = known === undefined && name !== "" ? this.#constant(name) : undefined;
    return tensor === undefined ? known : { dataType: tensor.dataType, shape: tensor.dims };
  }

  #context(node: Node): ShapeContext {
    const name = (index: number) => node.input[index] ?? "";
    return {
      node,
      opset: this.#opsets.get(node.domain === "ai.onnx" ? STANDARD_DOMAIN : node.domain) ?? 1,
      input: (index) => this.type(name(index)),
      constant: (index) => (name(index) === "" ? undefined : this.#constant(name(index))),
      elements: (index) => (name(index) === "" ? undefined : this.elements(name(index))),
    };
  }
}
