import { GraphBuilder, makeValueInfo } from "../../graph/builder.ts";
import type { Graph, ValueInfo } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { nodeOrigin } from "../../graph/node-origin.ts";
import { calledWith, unfollowedArgument } from "./call-arguments.ts";
import { callKey, callsInOrder, type ModelCall } from "./call-order.ts";
import type { TensorReference } from "./inbound.ts";
import { modelInput } from "./input-layer.ts";
import {
  type CallContext,
  type Dialect,
  Inexpressible,
  inFileOrder,
  LayerCall,
  turnedValue,
  type WeightPlace,
} from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue, Size } from "./layer-value.ts";
import type { LayerConfig, ModelConfig } from "./model-config.ts";
import { builtShape, opaqueResults, type ResultUses, withStatedShape } from "./opaque-layer.ts";
import { quantizationOf } from "./quantized-layer.ts";
import { layerRule } from "./table.ts";
import type { WeightStore } from "./weight-store.ts";

/** Has LayerNormalization and everything else the layers are written with. */
const OPSET = 17;

/** A model that is used many times over multiplies its layers; real ones stay far below. */
const MOST_CALLS = 50_000;

/** What became of one layer: for each of its calls, where its weights are read. */
export interface LayerRecord {
  readonly layer: LayerConfig;
  readonly path: readonly string[];
  readonly calls: CallRecord[];
}

export interface CallRecord {
  /** Which call of the layer, as its model's config counts them. */
  readonly call: number;
  readonly places: readonly WeightPlace[];
  readonly inputs: readonly LayerValue[];
  /** The first of the results, the only one of most layers. */
  readonly result: LayerValue;
}

export interface ReadLayers {
  readonly graph: Graph;
  /** By the layer's path, joined with slashes. */
  readonly records: ReadonlyMap<string, LayerRecord>;
}

/**
 * The graph of a model of layers. Convolutions and what follows them have their channels as axis 1,
 * as ONNX needs; inputs and outputs stay as the file has them, and a Transpose stands only where the
 * two meet.
 *
 * @throws InputError naming the layer and the field or weight that cannot be followed.
 */
export function readLayers(model: ModelConfig, store: WeightStore, dialect: Dialect): ReadLayers {
  const reader = new LayersReader(store, dialect);
  const inputs = model.inputs.map(({ layer }) => {
    const config = reader.plan(model).layers.get(layer);
    if (config === undefined) throw new InputError(`the input layer ${layer} is not in the model`);
    return modelInput(config, reader.builder.freshName(layer));
  });
  const results = reader.model(
    model,
    [],
    inputs.map(({ value }) => value),
  );
  const infos = inputs.map(({ info }) => info);
  const outputs = reader.outputs(results);
  const graph = reader.builder.build(model.name, infos, outputs, OPSET);
  return { graph: withoutLeftovers(graph), records: reader.records };
}

/** Without masks that nobody reads, and what was made for layers before they had no form after all. */
function withoutLeftovers(graph: Graph): Graph {
  const read = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.toReversed().filter((node) => {
    const origin = nodeOrigin(node);
    const spare = origin === undefined || origin.part.startsWith("mask/");
    const made = spare && !node.output.some((value) => read.has(value));
    if (!made) for (const value of node.input) read.add(value);
    return !made;
  });
  const initializers = new Map([...graph.initializers].filter(([name]) => read.has(name)));
  return { ...graph, nodes: nodes.toReversed(), initializers };
}

/** What a model's config alone tells of its calls. */
interface ModelPlan {
  readonly layers: ReadonlyMap<string, LayerConfig>;
  readonly order: readonly ModelCall[];
  /** By the call that makes the results. */
  readonly uses: ReadonlyMap<string, ResultUses>;
}

function planOf(model: ModelConfig): ModelPlan {
  const layers = new Map(model.layers.map((layer) => [layer.name, layer] as const));
  return { layers, order: callsInOrder(model), uses: usesIn(model) };
}

class LayersReader {
  readonly builder = new GraphBuilder();
  readonly records = new Map<string, LayerRecord>();
  readonly #context: CallContext;
  /** A model that is called again and again is looked at once. */
  readonly #plans = new Map<ModelConfig, ModelPlan>();
  #calls = 0;

  constructor(store: WeightStore, dialect: Dialect) {
    this.#context = { store, dialect, rule: layerRule, made: new Map(), turned: new Map() };
  }

  plan(model: ModelConfig): ModelPlan {
    const known = this.#plans.get(model) ?? planOf(model);
    this.#plans.set(model, known);
    return known;
  }

  /** The values of the model's outputs. Layers may stand in any order, as long as there is no cycle. */
  model(model: ModelConfig, path: readonly string[], inputs: readonly LayerValue[]): LayerValue[] {
    const values = new Map<string, readonly LayerValue[]>();
    const { layers, order, uses } = this.plan(model);
    for (const [index, { layer }] of model.inputs.entries()) {
      const input = inputs[index];
      if (input === undefined || inputs.length !== model.inputs.length) {
        throw new InputError(
          `layer ${path.join("/")}: it is called with ${inputs.length} inputs and has ${model.inputs.length}`,
        );
      }
      const own = layers.get(layer);
      values.set(callKey(layer, 0), [own === undefined ? input : withStatedShape(input, own)]);
    }
    for (const each of order) {
      const key = callKey(each.layer.name, each.call);
      values.set(key, this.#callLayer(each, path, values, uses.get(key)));
      const taken = layerRule(each.layer.className)?.takesMasks;
      if (taken && this.#context.dialect === "keras3") takeMasks(values, each.references);
    }
    return model.outputs.map(({ layer, call, output }) => {
      const value = values.get(callKey(layer, call))?.[output];
      if (value === undefined) {
        throw new InputError(
          `the model's output ${layer} [${call}, ${output}] is made by no layer`,
        );
      }
      return value;
    });
  }

  #callLayer(
    { layer, call, references }: ModelCall,
    path: readonly string[],
    values: ReadonlyMap<string, readonly LayerValue[]>,
    uses: ResultUses = { count: 1, shapes: new Map() },
  ): readonly LayerValue[] {
    const inputs = references.map((reference) => {
      const results = values.get(callKey(reference.layer, reference.call)) ?? [];
      const value = results[reference.output];
      if (value === undefined) {
        throw new InputError(
          `layer ${layer.name}: it reads output ${reference.output} of ${reference.layer}, which has ${results.length}`,
        );
      }
      return value;
    });
    return this.#results(layer, call, [...path, layer.name], references, inputs, uses);
  }

  #results(
    layer: LayerConfig,
    configCall: number,
    path: readonly string[],
    references: readonly TensorReference[],
    inputs: readonly LayerValue[],
    uses: ResultUses,
  ): readonly LayerValue[] {
    if (++this.#calls > MOST_CALLS) {
      throw new InputError(`the model calls its layers more than ${MOST_CALLS} times`);
    }
    const name = path.join("/");
    const record = this.records.get(name) ?? { layer, path, calls: [] };
    this.records.set(name, record);
    if (layer.model !== undefined) {
      const results = this.model(layer.model, path, inputs);
      record.calls.push({ call: configCall, places: [], inputs, result: results[0] as LayerValue });
      return results;
    }
    const number = record.calls.length;
    const rule = layerRule(layer.className);
    const plain = (value: LayerValue) => this.#inFileOrder(value);
    const ordered = rule?.anyTimeOrder
      ? inputs
      : inputs.map((input) => (input.timeFirst ? plain(input) : input));
    const { inputs: data, told } = calledWith(references, ordered, rule);
    const call = new LayerCall(layer, path, number, data, this.builder, this.#context, told);
    let results: readonly LayerValue[];
    let { places } = call;
    try {
      results = call.finish(builtResults(call, rule, references));
    } catch (error) {
      if (!(error instanceof Inexpressible)) throw error;
      const again = new LayerCall(layer, path, number, ordered, this.builder, this.#context);
      results = again.finish(opaqueResults(again, error.message, uses));
      places = again.places;
    }
    record.calls.push({ call: configCall, places, inputs, result: results[0] as LayerValue });
    return results;
  }

  #inFileOrder(value: LayerValue): LayerValue {
    return inFileOrder(value, (each, order) =>
      turnedValue(this.builder, this.#context, each, order),
    );
  }

  /** Outputs in the file's order, each under a name of its own. */
  outputs(results: readonly LayerValue[]): ValueInfo[] {
    const seen = new Set<string>();
    const ordered = results.map((result) => this.#inFileOrder(result));
    const made = new Set(this.builder.nodes.flatMap(({ output }) => output));
    return results.map((result, index) => {
      const stem = result.value;
      let value = ordered[index]?.value ?? stem;
      if (!made.has(value) || seen.has(value))
        value = this.builder.add("Identity", [value], { stem: `${stem}/output` });
      seen.add(value);
      if (result.unknownBehind !== undefined) return makeValueInfo(value, result.dataType);
      const dims = result.shape.map(
        (size, axis) => size ?? (axis === 0 ? "batch" : `${stem}_${axis}`),
      );
      return makeValueInfo(value, result.dataType, dims);
    });
  }
}

/** The results of a layer of the table, with masks only where it hands them on. */
function builtResults(
  call: LayerCall,
  rule: LayerRule | undefined,
  references: readonly TensorReference[],
): readonly LayerValue[] {
  const { className } = call.layer;
  if (rule === undefined) call.cannotExpress(unknownClass(className));
  const unknown = call.inputs.find(({ unknownBehind }) => unknownBehind !== undefined);
  if (unknown !== undefined) {
    call.cannotExpress(
      `the shape of its input is not known, because layer ${unknown.unknownBehind} is not computed`,
    );
  }
  const quantization = quantizationOf(call.fields);
  if (quantization !== undefined) call.cannotExpress(`it computes with ${quantization} numbers`);
  const unfollowed = unfollowedArgument(rule as LayerRule, call.told, references);
  if (unfollowed !== undefined) call.cannotExpress(unfollowed);
  const built = (rule as LayerRule).build(call);
  const results: readonly LayerValue[] = "value" in built ? [built] : built;
  return rule?.keepsMask ? results : results.map((each) => ({ ...each, mask: undefined }));
}

function unknownClass(className: string): string {
  return className === "Lambda" || className === "TFOpLambda"
    ? `a ${className} holds program code, and code in a file is never run`
    : `NormLens does not know the class ${className}`;
}

/** Whoever reads the tensors from here on gets them without their masks. */
function takeMasks(
  values: Map<string, readonly LayerValue[]>,
  references: readonly TensorReference[],
): void {
  for (const { layer, call, output } of references) {
    const key = callKey(layer, call);
    const results = values.get(key) ?? [];
    const masked = results[output]?.mask !== undefined;
    const plain = results.map((each, index) =>
      index === output ? { ...each, mask: undefined } : each,
    );
    if (masked) values.set(key, plain);
  }
}

/** What the model's config tells of the results of each call from where they are read. */
function usesIn(model: ModelConfig): ReadonlyMap<string, ResultUses> {
  const uses = new Map<string, { count: number; shapes: Map<number, readonly Size[]> }>();
  const readers = model.layers.flatMap((layer) =>
    layer.calls.map((references) => ({ layer, references })),
  );
  for (const { layer, references } of [
    ...readers,
    { layer: undefined, references: model.outputs },
  ]) {
    for (const reference of references) {
      const key = callKey(reference.layer, reference.call);
      const known = uses.get(key) ?? { count: 0, shapes: new Map() };
      uses.set(key, known);
      known.count = Math.max(known.count, reference.output + 1);
      const alone = references.length === 1 && layer !== undefined;
      const shape = reference.shape ?? (alone ? builtShape(layer) : undefined);
      if (shape !== undefined) known.shapes.set(reference.output, shape);
    }
  }
  return uses;
}
