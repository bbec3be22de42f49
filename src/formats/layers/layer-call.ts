import type { AttributeValue } from "../../graph/attributes.ts";
import { type GraphBuilder, makeNode } from "../../graph/builder.ts";
import { dataTypeName, isFloatingPoint } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import { withOrigin } from "../../graph/node-origin.ts";
import { elementCount, float32Tensor, type Tensor } from "../../graph/tensor.ts";
import type { Fields } from "./fields.ts";
import {
  channelsFirstOrder,
  channelsLastOrder,
  type LayerValue,
  type Size,
} from "./layer-value.ts";
import type { LayerConfig } from "./model-config.ts";
import { AS_STORED, graphTensor, sameSizes, type WeightLayout } from "./weight-layout.ts";
import type { WeightStore } from "./weight-store.ts";

/** A weight as a node reads it, and what to write when the node comes to read something else. */
export interface WeightUse {
  /** The weight's own name, "kernel". */
  readonly weight: string;
  /** The field that says whether the layer has the weight; undefined where it always has. */
  readonly flag: string | undefined;
  /** The weight in the file; undefined where the layer goes without. */
  readonly stored: Tensor | undefined;
  /** Sizes in the file. */
  readonly storedDims: readonly number[];
  readonly layout: WeightLayout;
  /** What the node reads for a weight that is not there: nothing, or this number throughout. */
  readonly absent: number | undefined;
  /** The initializer's name; "" for nothing. */
  readonly value: string;
}

/** A node under construction and the weights among its inputs. */
interface PendingNode {
  readonly part: string;
  readonly opType: string;
  readonly inputs: readonly string[];
  output: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** Where in the graph a layer's weight is read. */
export interface WeightPlace {
  readonly part: string;
  readonly input: number;
  readonly use: WeightUse;
}

export interface WeightRequest {
  readonly layout?: WeightLayout;
  /** The field that says whether there is one, true by default unless the field says otherwise. */
  readonly flag?: string;
  readonly absent?: number;
  /** What some versions call it. */
  readonly alias?: string;
}

/** Whose conventions count, where a layer computes differently in one framework than in another. */
export type Dialect = "tfjs" | "keras2" | "keras3";

/** What all calls of a model share. */
export interface CallContext {
  readonly store: WeightStore;
  readonly dialect: Dialect;
  /** Initializers made for weights of earlier calls, by the weight's stored name. */
  readonly made: Map<string, string>;
  /** Values with their channels moved, by the value, both ways. */
  readonly turned: Map<string, string>;
}

/** One call of a layer while its nodes are made. */
export class LayerCall {
  readonly places: WeightPlace[] = [];
  readonly #pending: PendingNode[] = [];
  #weights = 0;

  constructor(
    readonly layer: LayerConfig,
    /** The layer's name behind those of the models it lies in. */
    readonly path: readonly string[],
    /** Which call it is, from 0. */
    readonly call: number,
    readonly inputs: readonly LayerValue[],
    readonly builder: GraphBuilder,
    readonly context: CallContext,
  ) {}

  get fields(): Fields {
    return this.layer.fields;
  }

  /** The layer's only input. */
  get input(): LayerValue {
    const [input, ...others] = this.inputs;
    if (input === undefined || others.length > 0) {
      this.refuse(`it has ${this.inputs.length} inputs, a ${this.layer.className} takes one`);
    }
    return input as LayerValue;
  }

  refuse(reason: string): never {
    throw new InputError(`layer ${this.path.join("/")}: ${reason}`);
  }

  /** Adds a node with one output. A weight among the inputs is remembered with its place. */
  add(
    part: string,
    opType: string,
    inputs: readonly (string | WeightUse)[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    for (const [input, use] of inputs.entries()) {
      if (typeof use !== "string") this.places.push({ part, input, use });
    }
    const names = inputs.map((input) => (typeof input === "string" ? input : input.value));
    while (names.at(-1) === "") names.pop();
    const output = this.builder.freshName(`${this.path.join("/")}/${part}`);
    this.#pending.push({ part, opType, inputs: names, output, attributes });
    return output;
  }

  /** The same element for element, whatever the layout. */
  elementwise(part: string, opType: string, attributes: Record<string, AttributeValue> = {}) {
    return { ...this.input, value: this.add(part, opType, [this.input.value], attributes) };
  }

  /**
   * A weight of the layer.
   *
   * @param dims its sizes in the file.
   * @throws InputError where it is missing or has another shape or type.
   */
  weight(name: string, dims: readonly number[], request: WeightRequest = {}): WeightUse {
    const { layout = AS_STORED, flag, absent } = request;
    const rest = { weight: name, flag, storedDims: dims, layout, absent };
    const present = flag === undefined || this.fields.boolean(flag, true);
    if (!present) {
      const value = absent === undefined ? "" : this.#filled(name, layout.dims(dims), absent);
      return { ...rest, stored: undefined, value };
    }
    const { store } = this.context;
    const index = this.#weights++;
    const { alias = name } = request;
    const stored = store.find(this.path, name, index) ?? store.find(this.path, alias, index);
    if (stored === undefined) this.refuse(`the file has no weight ${name} for it`);
    if (!sameSizes(stored.dims, dims)) {
      this.refuse(`weight ${stored.name} has shape [${stored.dims}]; [${dims}] is needed`);
    }
    if (!isFloatingPoint(stored.dataType)) {
      this.refuse(`weight ${stored.name} is ${dataTypeName(stored.dataType)}; float32 is needed`);
    }
    const known = this.context.made.get(stored.name);
    if (known !== undefined) return { ...rest, stored, value: known };
    const value = this.builder.freshName(stored.name);
    this.builder.addInitializer(graphTensor(value, stored, layout));
    this.context.made.set(stored.name, value);
    return { ...rest, stored, value };
  }

  #filled(name: string, dims: readonly number[], value: number): string {
    return this.builder.once(`${this.path.join("/")}/${name}:absent`, () => {
      const fresh = this.builder.freshName(`${this.path.join("/")}/${name}`);
      const values = new Float32Array(elementCount(dims)).fill(value);
      return this.builder.addInitializer(float32Tensor(fresh, dims, values));
    });
  }

  /** The value with its channels as axis 1. */
  channelsFirst(value: LayerValue): string {
    return value.moved ? value.value : this.#turned(value, channelsFirstOrder(value.shape.length));
  }

  /** The value in the file's order. */
  inFileOrder(value: LayerValue): LayerValue {
    if (!value.moved) return value;
    const turned = this.#turned(value, channelsLastOrder(value.shape.length));
    return { ...value, value: turned, moved: false };
  }

  /** Each value is turned once, whoever reads it; a turn of a turned value is the value it was. */
  #turned({ value, shape }: LayerValue, order: readonly number[]): string {
    if (shape.length <= 2) return value;
    const known = this.context.turned.get(value);
    if (known !== undefined) return known;
    const turned = this.builder.add("Transpose", [value], {
      attributes: { perm: { ints: order } },
      stem: `${value}/turned`,
    });
    this.context.turned.set(value, turned);
    this.context.turned.set(turned, value);
    return turned;
  }

  /**
   * Writes the nodes, whose last one gives the result under the layer's own name.
   *
   * @returns the result under that name.
   */
  finish(result: LayerValue): LayerValue {
    const layer = this.path.join("/");
    const last = this.#pending.find(({ output }) => output === result.value);
    const value = last === undefined ? result.value : this.builder.freshName(layer);
    const rename = (each: string) => (each === last?.output ? value : each);
    for (const { part, opType, inputs, output, attributes } of this.#pending) {
      const named = part === "main" ? layer : `${layer}/${part}`;
      // ONNX Runtime refuses two nodes of one name.
      const name = this.call === 0 ? named : `${named}:${this.call}`;
      const node = makeNode(opType, inputs.map(rename), [rename(output)], { name, attributes });
      this.builder.nodes.push(withOrigin(node, { layer, call: this.call, part }));
    }
    return { ...result, value };
  }

  /** A constant that is no weight. */
  constant(name: string, dims: readonly number[], values: readonly number[]): string {
    const fresh = this.builder.freshName(`${this.path.join("/")}/${name}`);
    return this.builder.addInitializer(float32Tensor(fresh, dims, values));
  }
}

export function knownSize(call: LayerCall, size: Size | undefined, what: string): number {
  if (typeof size !== "number") call.refuse(`${what} is not known, but its weights depend on it`);
  return size as number;
}
