import type { Dimension } from "../../../graph/builder.ts";
import { constantValue } from "../../../graph/constants.ts";
import type { Graph, Node } from "../../../graph/graph.ts";
import { indexOf } from "../../../graph/index.ts";
import { readNumbers } from "../../../graph/numbers.ts";
import { elementCount, type Tensor } from "../../../graph/tensor.ts";
import type { JsonObject } from "../json.ts";
import type { LayerList, LayerRequest } from "./layer-list.ts";
import { unwritable } from "./unwritable.ts";
import { arranged, layerSizes, plainOrder, type WrittenValue } from "./written-value.ts";

/** Shapes of a graph's values, and elements of the short lists that are computed from them. */
export interface KnownShapes {
  shape(value: string): readonly Dimension[] | undefined;
  elements(value: string): readonly Dimension[] | undefined;
}

/** Whose layers and fields are written: TensorFlow.js has fewer layers. */
export type TargetDialect = "tfjs" | "keras3";

/** What all nodes of a graph share while it is written. */
export interface WritingContext {
  readonly graph: Graph;
  readonly shapes: KnownShapes;
  readonly dialect: TargetDialect;
  readonly list: LayerList;
  readonly values: Map<string, WrittenValue>;
  /** Nodes that another one's layers stand for. */
  readonly absorbed: Set<Node>;
}

/** One node while its layers are made. */
export class NodeCall {
  constructor(
    readonly node: Node,
    readonly context: WritingContext,
  ) {}

  get graph(): Graph {
    return this.context.graph;
  }

  get list(): LayerList {
    return this.context.list;
  }

  get forTfjs(): boolean {
    return this.context.dialect === "tfjs";
  }

  /** The node's name, from which its layers get theirs. */
  get stem(): string {
    const { name, opType, output } = this.node;
    return name || output[0] || opType;
  }

  has(input: number): boolean {
    return (this.node.input[input] ?? "") !== "";
  }

  /** What a layer makes of an input, with its elements in order. */
  input(index: number): WrittenValue {
    const value = this.shuffledInput(index);
    if (value.shuffled !== undefined) unwritable("its input is flattened in another order");
    return value;
  }

  /** The same where the order of a flattened axis does not matter. */
  shuffledInput(index: number): WrittenValue {
    const name = this.node.input[index] ?? "";
    const value = this.context.values.get(name);
    if (value !== undefined) return value;
    return unwritable(
      constantValue(this.graph, name) === undefined
        ? `it has no input ${index} that layers make`
        : `its input ${name} is constant, where layers need one that is computed`,
    );
  }

  constant(input: number): Tensor | undefined {
    const name = this.node.input[input] ?? "";
    return name === "" ? undefined : constantValue(this.graph, name);
  }

  /** @throws Unwritable where the input is not constant. */
  weight(input: number, what: string): Tensor {
    const tensor = this.constant(input);
    return tensor ?? unwritable(`its ${what} is not constant, which a layer's weight is`);
  }

  /** The only element of a constant; the fallback where the input is left out. */
  scalar(input: number, fallback: number): number {
    if (!this.has(input)) return fallback;
    const tensor = this.constant(input);
    if (tensor === undefined || elementCount(tensor.dims) !== 1) {
      unwritable(`its input ${this.node.input[input]} is not one constant number`);
    }
    return readNumbers(tensor)[0] ?? fallback;
  }

  /** Whole numbers that the graph states or computes from shapes. */
  integers(input: number): readonly number[] | undefined {
    const elements = this.context.shapes.elements(this.node.input[input] ?? "");
    return elements?.every((element) => typeof element === "number") ? elements : undefined;
  }

  outputShape(output = 0): readonly Dimension[] {
    const shape = this.context.shapes.shape(this.node.output[output] ?? "");
    return shape ?? unwritable("the shape of its output is not known");
  }

  define(value: WrittenValue, output = 0): void {
    this.context.values.set(this.node.output[output] ?? "", value);
  }

  /** Another node's output, which this node's layers compute as well. */
  absorb(node: Node, value: WrittenValue): void {
    this.context.absorbed.add(node);
    this.context.values.set(node.output[0] ?? "", value);
  }

  /** The node that alone reads this one's output, where nobody else does. */
  get onlyReader(): Node | undefined {
    return this.readerOf(this.node);
  }

  readerOf(node: Node): Node | undefined {
    const index = indexOf(this.graph);
    const output = node.output[0] ?? "";
    const uses = index.uses(output);
    if (uses.length !== 1 || index.isOutput(output) || index.readByBody(output)) return undefined;
    return uses[0]?.node;
  }

  /** Adds a layer whose result's axes are those of the value that it replaces. */
  layer(
    className: string,
    inputs: readonly WrittenValue[],
    result: Omit<WrittenValue, "layer">,
    options: Partial<Omit<LayerRequest, "className" | "inputs">> = {},
  ): WrittenValue {
    const layer = this.list.add({
      className,
      stem: this.stem,
      inputs: inputs.map((input) => input.layer),
      shape: layerSizes({ ...result, layer: "" }),
      ...options,
    });
    return { ...result, layer };
  }

  /** A layer that computes each element by itself. */
  elementwise(className: string, value: WrittenValue, config: JsonObject = {}): WrittenValue {
    return this.layer(className, [value], value, { config });
  }

  rescaled(value: WrittenValue, scale: number, offset: number): WrittenValue {
    if (scale === 1 && offset === 0) return value;
    return this.elementwise("Rescaling", value, { scale, offset });
  }

  arranged(value: WrittenValue, axes: readonly number[]): WrittenValue {
    return arranged(this.list, value, axes);
  }

  /** (N, positions…, C) of a value (N, C, positions…). */
  channelsLast(value: WrittenValue): WrittenValue {
    const [batch = 0, channels = 1, ...positions] = plainOrder(value.shape.length);
    return this.arranged(value, [batch, ...positions, channels]);
  }
}
