import type { AttributeValue } from "../../graph/attributes.ts";
import { type GraphBuilder, makeNode } from "../../graph/builder.ts";
import { DataType } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import { withOrigin } from "../../graph/node-origin.ts";
import { readNumbers } from "../../graph/numbers.ts";
import { elementCount, memoryTensor, type Tensor } from "../../graph/tensor.ts";
import { turnedValue } from "../layers/layer-call.ts";
import { channelsFirstOrder, channelsLastOrder, type Size } from "../layers/layer-value.ts";
import { graphTensor } from "../layers/weight-layout.ts";
import type { NodeAttributes } from "./attributes.ts";
import { AS_IN_FILE, type ConstantLayout } from "./constant-layout.ts";
import type { Dilation } from "./dilation.ts";
import { type NodeDef, referenceText, type TensorReference } from "./graph-def.ts";
import {
  type ConstantPlace,
  type ConstantUse,
  isRanked,
  type TensorValue,
} from "./tensor-value.ts";

/** The domain of operators that are kept as TensorFlow has them. */
export const TENSORFLOW_DOMAIN = "org.tensorflow";

/** What the reading of all nodes shares. */
export interface ReadContext {
  readonly builder: GraphBuilder;
  /** Initializers made for constants, by name and layout. */
  readonly made: Map<string, string>;
  /** Values with their channels moved, by the value, both ways. */
  readonly turned: Map<string, string>;
  /** Nodes whose constant became the bias of the node they read. */
  readonly merged: Set<string>;
  /** Convolutions that two nodes around them dilate, by name. */
  readonly dilations: Map<string, Dilation>;
  /** The nodes that read a node's results, more than once where they do so; empty for none. */
  readers(node: string): readonly NodeDef[];
  /** Whether something outside the graph reads it. */
  isOutput(node: string): boolean;
  /** The numbers that a result always has, behind nodes that only pass them on. */
  constant(reference: TensorReference): Tensor | undefined;
}

export type Operand = string | ConstantUse;

interface PendingNode {
  readonly part: string;
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** A node cannot be followed behind one that is kept as it is; it is then kept as well. */
export class UnknownAxes extends Error {}

/** One node of the file while the graph's nodes for it are made. */
export class Operation {
  readonly places: ConstantPlace[] = [];
  readonly #pending: PendingNode[] = [];

  constructor(
    readonly node: NodeDef,
    readonly inputs: readonly TensorValue[],
    readonly context: ReadContext,
  ) {}

  get attributes(): NodeAttributes {
    return this.node.attributes;
  }

  get builder(): GraphBuilder {
    return this.context.builder;
  }

  refuse(reason: string): never {
    throw new InputError(`node ${this.node.name}: ${reason}`);
  }

  /** @throws InputError where the node has fewer inputs. */
  input(index: number): TensorValue {
    const input = this.inputs[index];
    if (input === undefined) {
      this.refuse(`it has ${this.inputs.length} inputs; a ${this.node.op} needs more`);
    }
    return input as TensorValue;
  }

  /** The axes of an input. @throws UnknownAxes where not even their number is known. */
  shape(index: number): readonly Size[] {
    const { shape } = this.input(index);
    if (shape === undefined) throw new UnknownAxes();
    return shape;
  }

  /** The elements of a constant input of whole or other numbers; undefined for another input. */
  numbers(index: number): readonly number[] | undefined {
    const { constant, elements } = this.input(index);
    if (constant !== undefined) {
      if (elementCount(constant.dims) > LONGEST_LIST) this.refuse("a list in it is too long");
      return readNumbers(constant);
    }
    return elements?.every((size) => size !== null) ? (elements as readonly number[]) : undefined;
  }

  /** Adds a node with one output. A constant among the operands is remembered with its place. */
  add(
    part: string,
    opType: string,
    operands: readonly Operand[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    return this.addMany(part, opType, operands, 1, attributes)[0] as string;
  }

  addMany(
    part: string,
    opType: string,
    operands: readonly Operand[],
    count: number,
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = "",
  ): readonly string[] {
    const { name } = this.node;
    for (const [input, use] of operands.entries()) {
      if (typeof use !== "string") this.places.push({ node: name, part, input, use });
    }
    const inputs = operands.map((each) => (typeof each === "string" ? each : each.value));
    while (inputs.at(-1) === "") inputs.pop();
    const outputs = Array.from({ length: count }, () => this.builder.freshName(`${name}/${part}`));
    this.#pending.push({ part, opType, domain, inputs, outputs, attributes });
    return outputs;
  }

  /** Adds the node itself, under the name that its operator has in TensorFlow. */
  addOpaque(
    operands: readonly Operand[],
    count: number,
    attributes: Readonly<Record<string, AttributeValue>>,
  ): readonly string[] {
    return this.addMany("main", this.node.op, operands, count, attributes, TENSORFLOW_DOMAIN);
  }

  /** A constant input as an initializer; undefined where the input is not constant. */
  constant(index: number, layout: ConstantLayout = AS_IN_FILE): ConstantUse | undefined {
    const { constant } = this.input(index);
    return constant && this.use(constant, layout, { node: this.node.name, input: index });
  }

  use(stored: Tensor, layout: ConstantLayout, reader: ConstantUse["reader"]): ConstantUse {
    const key = `${layout.key}:${stored.name}`;
    let value = this.context.made.get(key);
    if (value === undefined) {
      value = this.builder.freshName(`${stored.name}${layout.key === "" ? "" : `/${layout.key}`}`);
      this.builder.addInitializer(graphTensor(value, stored, layout));
      this.context.made.set(key, value);
    }
    return { stored, layout, reader, value };
  }

  /** An input as a node reads it in the file's order. */
  operand(index: number): Operand {
    return this.constant(index) ?? this.inFileOrder(this.input(index));
  }

  /** The value with its channels as axis 1. */
  channelsFirst(value: TensorValue): string {
    if (value.moved || !isRanked(value) || value.shape.length <= 2) return value.value;
    return turnedValue(this.builder, this.context, value, channelsFirstOrder(value.shape.length));
  }

  /** The value in the file's order. */
  inFileOrder(value: TensorValue): string {
    if (!value.moved || !isRanked(value) || value.shape.length <= 2) return value.value;
    return turnedValue(this.builder, this.context, value, channelsLastOrder(value.shape.length));
  }

  /** Sizes as int64, which ONNX wants them in, for a Reshape: -1 stands for one that is open. */
  shapeSizes(index: number): Operand {
    const { elements } = this.input(index);
    const open = elements?.filter((size) => size === null || size < 0).length ?? 2;
    if (elements !== undefined && open <= 1) {
      return this.builder.ints(elements.map((size) => size ?? -1));
    }
    return this.#asInt64(index);
  }

  /** Whole numbers as int64, computed while the model runs where one of them is open. */
  sizes(index: number): Operand {
    const { elements } = this.input(index);
    const known = elements?.every((size) => size !== null) === true;
    return known ? this.builder.ints(elements as readonly number[]) : this.#asInt64(index);
  }

  #asInt64(index: number): string {
    return this.add(`sizes${index}`, "Cast", [this.operand(index)], {
      to: { int: DataType.INT64 },
    });
  }

  /** The graph's nodes; results among their outputs get the name of the file's node. */
  finish(results: readonly TensorValue[]): readonly TensorValue[] {
    const { name } = this.node;
    const made = new Set(this.#pending.flatMap(({ outputs }) => outputs));
    const names = new Map<string, string>();
    for (const [output, { value }] of results.entries()) {
      if (made.has(value)) names.set(value, referenceText({ node: name, output }));
    }
    const renamed = (value: string) => names.get(value) ?? value;
    for (const { part, opType, domain, inputs, outputs, attributes } of this.#pending) {
      const options = { name: part === "main" ? name : `${name}/${part}`, domain, attributes };
      const node = makeNode(opType, inputs.map(renamed), outputs.map(renamed), options);
      this.builder.nodes.push(withOrigin(node, { layer: name, call: 0, part }));
    }
    return results.map((result) => ({ ...result, value: renamed(result.value) }));
  }

  /** A whole number, or a list of them, that the rules put into the graph themselves. */
  int32(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.builder.shared(`int32:${dims}:${values}`, (name) => {
      const bytes = new Uint8Array(Int32Array.from(values).buffer);
      return memoryTensor(name, dims, DataType.INT32, bytes);
    });
  }
}

/** Longer ones are data, not what an operator is told. */
const LONGEST_LIST = 256;

/** A value that holds the numbers of a stored tensor. */
export function constantValueOf(tensor: Tensor): TensorValue {
  const whole = tensor.dataType === DataType.INT32;
  const short = tensor.dims.length <= 1 && elementCount(tensor.dims) <= LONGEST_LIST;
  return {
    value: tensor.name,
    shape: tensor.dims,
    moved: false,
    dataType: tensor.dataType,
    constant: tensor,
    elements: whole && short ? readNumbers(tensor) : undefined,
  };
}
