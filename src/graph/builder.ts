import { create } from "@bufbuild/protobuf";
import {
  NodeProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { type AttributeValue, makeAttribute } from "./attributes.ts";
import type { DataType } from "./data-type.ts";
import { type Graph, type Node, STANDARD_DOMAIN, type ValueInfo } from "./graph.ts";
import { OPAQUE_DOMAIN } from "./opaque-node.ts";
import { float32Tensor, int64Tensor, type Tensor } from "./tensor.ts";

/** A size, or the name of a size that is known only when the model runs. */
export type Dimension = number | string;

export interface NodeOptions {
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

export function makeNode(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  options: NodeOptions = {},
): Node {
  const attribute = Object.entries(options.attributes ?? {}).map(([name, value]) =>
    makeAttribute(name, value),
  );
  return create(NodeProtoSchema, {
    opType,
    input: [...inputs],
    output: [...outputs],
    attribute,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.domain === undefined ? {} : { domain: options.domain }),
  });
}

/** @param dims left out where not even their number is known. */
export function makeValueInfo(
  name: string,
  elemType: DataType,
  dims?: readonly Dimension[],
): ValueInfo {
  const dim = (dims ?? []).map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof size === "number"
          ? { case: "dimValue", value: BigInt(size) }
          : { case: "dimParam", value: size },
    }),
  );
  const shape = create(TensorShapeProtoSchema, { dim });
  const value = create(TypeProto_TensorSchema, dims ? { elemType, shape } : { elemType });
  const type = create(TypeProtoSchema, { value: { case: "tensorType", value } });
  return create(ValueInfoProtoSchema, { name, type });
}

/**
 * Collects nodes and constants of a graph under construction and gives every value a fresh name.
 * Gradient rules, the training step and passes that insert nodes build with it.
 */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, Tensor>();
  readonly #taken: Set<string>;
  readonly #constants = new Map<string, string>();
  /** The suffix that comes next for a stem; looking for it from 2 on would take squared time. */
  readonly #suffixes = new Map<string, number>();
  readonly #computed = new Map<string, string>();

  /** @param taken names that exist already, so that fresh ones stay unique. */
  constructor(taken: Iterable<string> = []) {
    this.#taken = new Set(taken);
  }

  /** A value name that nothing else has, made from a readable stem. */
  freshName(stem: string): string {
    let name = stem;
    let suffix = this.#suffixes.get(stem) ?? 2;
    while (this.#taken.has(name)) name = `${stem}_${suffix++}`;
    this.#taken.add(name);
    this.#suffixes.set(stem, suffix);
    return name;
  }

  /** Adds a node with one output and returns the output's name. */
  add(opType: string, inputs: readonly string[], options: NodeOptions & { stem?: string } = {}) {
    const [output] = this.addMany(opType, inputs, 1, options);
    return output as string;
  }

  /** Adds a node with several outputs and returns their names. */
  addMany(
    opType: string,
    inputs: readonly string[],
    outputCount: number,
    options: NodeOptions & { stem?: string } = {},
  ): string[] {
    const stem = options.stem ?? opType;
    const outputs = Array.from({ length: outputCount }, () => this.freshName(stem));
    this.nodes.push(makeNode(opType, inputs, outputs, { name: outputs[0] ?? stem, ...options }));
    return outputs;
  }

  addInitializer(tensor: Tensor): string {
    this.#taken.add(tensor.name);
    this.initializers.set(tensor.name, tensor);
    return tensor.name;
  }

  /** A float32 scalar constant; equal values share one initializer. */
  scalar(value: number): string {
    return this.shared(`scalar:${value}`, (name) => float32Tensor(name, [], [value]));
  }

  /** A one-dimensional int64 constant (axes, shapes, pads); equal values share one initializer. */
  ints(values: readonly number[]): string {
    const key = `ints:${values.join(",")}`;
    return this.shared(key, (name) => int64Tensor(name, [values.length], values));
  }

  /** A constant that is made at the first call with its key. */
  shared(key: string, make: (name: string) => Tensor): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.addInitializer(make(this.freshName(`constant_${this.#constants.size}`)));
    this.#constants.set(key, name);
    return name;
  }

  /** A value that is computed at the first call with its key, and only then. */
  once(key: string, compute: () => string): string {
    const known = this.#computed.get(key) ?? compute();
    this.#computed.set(key, known);
    return known;
  }

  build(name: string, inputs: readonly ValueInfo[], outputs: readonly ValueInfo[], opset: number) {
    const domains = new Set(this.nodes.map(({ domain }) => domain).filter(isVersionedOnce));
    const graph: Graph = {
      name,
      nodes: this.nodes,
      initializers: this.initializers,
      inputs,
      outputs,
      valueInfo: [],
      functions: [],
      opsets: new Map([
        [STANDARD_DOMAIN, opset],
        ...[...domains].map((domain) => [domain, 1] as const),
      ]),
      irVersion: 9,
      producer: "normlens",
      source: { format: "memory" },
    };
    return graph;
  }
}

/** ONNX Runtime's own operators and layers that are kept as they are, of which there is one version. */
function isVersionedOnce(domain: string): boolean {
  return domain.startsWith("com.microsoft") || domain === OPAQUE_DOMAIN;
}
