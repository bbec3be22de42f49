import type { AttributeValue } from "../../graph/attributes.ts";
import { type GraphBuilder, makeNode } from "../../graph/builder.ts";
import { dataTypeName, isFloatingPoint } from "../../graph/data-type.ts";
import type { Node } from "../../graph/graph.ts";
import { withoutTraining } from "../../graph/held-layer.ts";
import { InputError } from "../../graph/input-error.ts";
import { withOrigin } from "../../graph/node-origin.ts";
import { elementCount, float32Tensor, type Tensor } from "../../graph/tensor.ts";
import {
  type WeightRules,
  withActivityRegularizer,
  withWeightRules,
} from "../../graph/weight-rules.ts";
import { type CallArguments, NO_ARGUMENTS } from "./call-arguments.ts";
import type { Fields } from "./fields.ts";
import type { LayerRule } from "./layer-rule.ts";
import {
  channelsFirstOrder,
  channelsLastOrder,
  type LayerValue,
  type Size,
} from "./layer-value.ts";
import type { LayerConfig } from "./model-config.ts";
import { AS_STORED, graphTensor, sameSizes, type WeightLayout } from "./weight-layout.ts";
import { activityRegularizerOf, weightRulesOf } from "./weight-rules.ts";
import type { WeightStore } from "./weight-store.ts";

/** Why a layer, whose config is in order, has no form in operators of ONNX: a clause. */
export class Inexpressible extends Error {}

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
  /** Fields of the config that state a size of the weight, and which axis of it, counted from -1 at the end. */
  readonly sizes: Readonly<Record<string, number>>;
  /** What the layer's config says of it beside its sizes. */
  readonly rules: WeightRules;
  /** What the node reads for a weight that is not there: nothing, or this number throughout. */
  readonly absent: number | undefined;
  /** The initializer's name; "" for nothing. */
  readonly value: string;
  /** The layer that has it is wrapped in another (TimeDistributed), whose config does not change. */
  readonly wrapped: boolean;
}

/** A node under construction and the weights among its inputs. */
interface PendingNode {
  readonly part: string;
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly domain: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** The node with what it does while training. */
  readonly noted?: (node: Node) => Node;
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
  /** As in WeightUse; none where left out. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** What some versions call it. */
  readonly alias?: string;
}

/** Whose conventions count, where a layer computes differently in one framework than in another. */
export type Dialect = "tfjs" | "keras2" | "keras3";

/** What all calls of a model share. */
export interface CallContext {
  readonly store: WeightStore;
  /** The rule of a class, for layers that wrap others. */
  readonly rule: (className: string) => LayerRule | undefined;
  readonly dialect: Dialect;
  /** Initializers made for weights of earlier calls, by the weight's stored name. */
  readonly made: Map<string, string>;
  /** Values with their axes in another order, by value and order, both ways. */
  readonly turned: Map<string, string>;
}

/** One call of a layer while its nodes are made. */
export class LayerCall {
  readonly places: WeightPlace[] = [];
  #outermost: LayerCall = this;
  #pending: PendingNode[] = [];
  /** Stands before the parts of a layer that is wrapped in another. */
  #prefix = "";
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
    readonly told: CallArguments = NO_ARGUMENTS,
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

  /** The tensor that is passed by a name. */
  named(name: string): LayerValue | undefined {
    const index = this.told.names.indexOf(name);
    return index < 0 ? undefined : this.inputs[index];
  }

  /** The tensors that are told by their place. */
  get placed(): readonly LayerValue[] {
    return this.inputs.filter((_, index) => this.told.names[index] === undefined);
  }

  /** Whether the call has an option of that name, such as use_causal_mask, set to true. */
  option(name: string): boolean {
    return this.told.options[name] === true;
  }

  refuse(reason: string): never {
    throw new InputError(`layer ${this.path.join("/")}: ${reason}`);
  }

  /** Says that the layer is a valid one that the operators of ONNX have no form for. */
  cannotExpress(reason: string): never {
    throw new Inexpressible(reason);
  }

  /**
   * The call of a layer that this one wraps, such as the LSTM of a Bidirectional: its nodes and weights
   * are this layer's, the parts with the prefix.
   */
  wrapped(layer: LayerConfig, prefix: string, inputs: readonly LayerValue[]): LayerCall {
    const path = [...this.path, layer.name];
    const inner = new LayerCall(layer, path, this.call, inputs, this.builder, this.context);
    inner.#pending = this.#pending;
    inner.#prefix = `${this.#prefix}${prefix}/`;
    inner.#outermost = this.#outermost;
    return inner;
  }

  /** Adds a node with one output. A weight among the inputs is remembered with its place. */
  add(
    part: string,
    opType: string,
    inputs: readonly (string | WeightUse)[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    const output = this.builder.freshName(`${this.path.join("/")}/${part}`);
    this.addNode({ part, opType, inputs, outputs: [output], attributes });
    return output;
  }

  /** Adds a node with several outputs, of which those that nobody reads are left out as "". */
  addNode(node: {
    readonly part: string;
    readonly opType: string;
    readonly inputs: readonly (string | WeightUse)[];
    readonly outputs: readonly string[];
    readonly domain?: string;
    readonly attributes?: Readonly<Record<string, AttributeValue>>;
    readonly noted?: (node: Node) => Node;
  }): void {
    const part = `${this.#prefix}${node.part}`;
    for (const [input, use] of node.inputs.entries()) {
      if (typeof use !== "string") this.#outermost.places.push({ part, input, use });
    }
    const inputs = node.inputs.map((input) => (typeof input === "string" ? input : input.value));
    while (inputs.at(-1) === "") inputs.pop();
    this.#pending.push({ domain: "", attributes: {}, ...node, part, inputs });
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
    const { layout = AS_STORED, flag, absent, sizes = {} } = request;
    const wrapped = this.#prefix !== "";
    const weight = `${this.#prefix}${name}`;
    // The sizes are fields of the layer inside, which its wrapper's config holds deeper.
    const stated = wrapped ? {} : sizes;
    const rules = weightRulesOf(this.fields, name, dims, layout, this.context.dialect);
    const rest = { weight, flag, storedDims: dims, layout, absent, wrapped, sizes: stated, rules };
    const present = flag === undefined || this.fields.boolean(flag, true);
    if (!present) {
      const value = absent === undefined ? "" : this.#filled(name, layout.dims(dims), absent);
      return { ...rest, stored: undefined, value };
    }
    const { store } = this.context;
    const index = this.#weights++;
    const { alias = name } = request;
    // Up to Keras 2 the weights of a wrapped layer go by the name of the one around it.
    const paths = wrapped ? [this.path, this.path.slice(0, -1)] : [this.path];
    const stored = paths
      .flatMap((path) => [name, alias].map((each) => store.find(path, each, index)))
      .find((each) => each !== undefined);
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

  /** What stands for a weight that the layer goes without. */
  #filled(name: string, dims: readonly number[], value: number): string {
    return this.builder.once(`${this.path.join("/")}/${name}:absent`, () =>
      this.fixed(name, dims, new Array<number>(elementCount(dims)).fill(value)),
    );
  }

  /**
   * Numbers that training leaves alone, wherever they are read: as a Constant, since initializers are
   * what training changes.
   */
  fixed(name: string, dims: readonly number[], values: readonly number[]): string {
    const stem = `${this.path.join("/")}/${name}`;
    const attributes = { value_floats: { floats: values } };
    const list = this.builder.add("Constant", [], { attributes, stem });
    if (dims.length === 1) return list;
    return this.builder.add("Reshape", [list, this.builder.ints(dims)], { stem: `${stem}/shaped` });
  }

  /** The value with its channels as axis 1. */
  channelsFirst(value: LayerValue): string {
    if (value.moved) return value.value;
    return this.#turned(this.inFileOrder(value), channelsFirstOrder(value.shape.length));
  }

  /** The value in the file's order. */
  inFileOrder(value: LayerValue): LayerValue {
    return inFileOrder(value, (each, order) => this.#turned(each, order));
  }

  /** A sequence (batch, time, …) as (time, batch, …). */
  timeFirst(value: LayerValue): string {
    if (value.timeFirst) return value.value;
    return this.#turned(this.inFileOrder(value), timeOrder(value));
  }

  /** What an unfinished node of this layer makes is turned by one of its nodes, behind it. */
  #turned(value: LayerValue, order: readonly number[]): string {
    if (!this.#pending.some(({ outputs }) => outputs.includes(value.value))) {
      return turnedValue(this.builder, this.context, value, order);
    }
    if (isPlainOrder(value, order)) return value.value;
    const part = `turned/${this.#pending.length}`;
    return this.add(part, "Transpose", [value.value], { perm: { ints: order } });
  }

  /**
   * Writes the nodes, of which the one that makes the result names it after the layer.
   *
   * @returns the results, the first of them under that name.
   */
  finish(results: readonly LayerValue[]): LayerValue[] {
    const layer = this.path.join("/");
    const [first] = results;
    const own = this.#pending.some(({ outputs }) => outputs.includes(first?.value ?? ""));
    const value = own ? this.builder.freshName(layer) : "";
    const rename = (each: string) => (own && each === first?.value ? value : each);
    for (const { part, opType, inputs, outputs, domain, attributes, noted } of this.#pending) {
      const named = part === "main" ? layer : `${layer}/${part}`;
      // ONNX Runtime refuses two nodes of one name.
      const name = this.call === 0 ? named : `${named}:${this.call}`;
      const options = { name, attributes, ...(domain === "" ? {} : { domain }) };
      const made = makeNode(opType, inputs.map(rename), outputs.map(rename), options);
      const node = noted === undefined ? made : noted(made);
      const ruled = this.#withRules(node, part, outputs.includes(first?.value ?? ""));
      this.builder.nodes.push(withOrigin(ruled, { layer, call: this.call, part }));
    }
    return results.map((result) => ({ ...result, value: rename(result.value) }));
  }

  /** The node with what the config says of its weights, and of the layer's result where it makes it. */
  #withRules(node: Node, part: string, makesResult: boolean): Node {
    let noted = node;
    const held = this.fields.value("trainable") === false;
    for (const place of this.places) {
      const there = place.part === part && place.use.stored !== undefined;
      if (there) noted = withWeightRules(noted, place.input, place.use.rules);
      if (there && held) noted = withoutTraining(noted);
    }
    const { className } = this.layer;
    const activity = activityRegularizerOf(this.fields, className, this.context.dialect);
    const used = makesResult && activity !== undefined;
    return used ? withActivityRegularizer(noted, activity) : noted;
  }

  /** A constant that is no weight. */
  constant(name: string, dims: readonly number[], values: readonly number[]): string {
    const fresh = this.builder.freshName(`${this.path.join("/")}/${name}`);
    return this.builder.addInitializer(float32Tensor(fresh, dims, values));
  }
}

/** The value in the file's order. */
export function inFileOrder(
  value: LayerValue,
  turned: (value: LayerValue, order: readonly number[]) => string,
): LayerValue {
  if (!value.moved && !value.timeFirst) return value;
  const order = value.moved ? channelsLastOrder(value.shape.length) : timeOrder(value);
  return { ...value, value: turned(value, order), moved: false, timeFirst: false };
}

/** Each value is turned once, whoever reads it; a turn of a turned value is the value it was. */
export function turnedValue(
  builder: GraphBuilder,
  { turned }: Pick<CallContext, "turned">,
  value: Pick<LayerValue, "value" | "shape">,
  order: readonly number[],
): string {
  if (isPlainOrder(value, order)) return value.value;
  const inverse = order.map((_, axis) => order.indexOf(axis));
  const known = turned.get(`${value.value}:${order}`);
  if (known !== undefined) return known;
  const attributes = { perm: { ints: order } };
  const options = { attributes, stem: `${value.value}/turned` };
  const result = builder.add("Transpose", [value.value], options);
  turned.set(`${value.value}:${order}`, result);
  turned.set(`${result}:${inverse}`, value.value);
  return result;
}

function isPlainOrder({ shape }: Pick<LayerValue, "shape">, order: readonly number[]): boolean {
  return shape.length <= 2 || order.every((axis, index) => axis === index);
}

/** The axes of (batch, time, …) in the order (time, batch, …), and the other way round. */
function timeOrder({ shape }: LayerValue): number[] {
  return shape.map((_, axis) => (axis < 2 ? 1 - axis : axis));
}

/** The only number among the arguments of a call. */
export function knownNumber(call: LayerCall): number {
  const [number, ...others] = call.told.numbers;
  if (number === undefined || others.length > 0) {
    call.cannotExpress(`it is called with ${call.told.numbers.length} numbers`);
  }
  return number as number;
}

export function knownSize(call: LayerCall, size: Size | undefined, what: string): number {
  if (typeof size !== "number") call.refuse(`${what} is not known, but its weights depend on it`);
  return size as number;
}
