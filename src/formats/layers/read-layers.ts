import { GraphBuilder, makeValueInfo } from "../../graph/builder.ts";
import type { Graph, ValueInfo } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { modelInput } from "./input-layer.ts";
import { type CallContext, type Dialect, LayerCall, type WeightPlace } from "./layer-call.ts";
import type { LayerValue } from "./layer-value.ts";
import type { LayerConfig, ModelConfig } from "./model-config.ts";
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
    const config = model.layers.find(({ name }) => name === layer);
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
  return { graph, records: reader.records };
}

class LayersReader {
  readonly builder = new GraphBuilder();
  readonly records = new Map<string, LayerRecord>();
  readonly #context: CallContext;
  #calls = 0;

  constructor(store: WeightStore, dialect: Dialect) {
    this.#context = { store, dialect, made: new Map(), turned: new Map() };
  }

  /** The values of the model's outputs. Layers may stand in any order, as long as there is no cycle. */
  model(model: ModelConfig, path: readonly string[], inputs: readonly LayerValue[]): LayerValue[] {
    const values = new Map<string, LayerValue>();
    for (const [index, { layer }] of model.inputs.entries()) {
      const input = inputs[index];
      if (input === undefined || inputs.length !== model.inputs.length) {
        throw new InputError(
          `layer ${path.join("/")}: it is called with ${inputs.length} inputs and has ${model.inputs.length}`,
        );
      }
      values.set(callKey(layer, 0), input);
    }
    let waiting = model.layers.flatMap((layer) => layer.calls.map((_, call) => ({ layer, call })));
    while (waiting.length > 0) {
      const left = waiting.filter(({ layer, call }) => !this.#callLayer(layer, call, path, values));
      if (left.length === waiting.length) {
        const names = left.slice(0, 3).map(({ layer }) => layer.name);
        throw new InputError(`layers ${names.join(", ")} read what no layer makes, or each other`);
      }
      waiting = left;
    }
    return model.outputs.map(({ layer, call, output }) => {
      const value = values.get(callKey(layer, call));
      if (value === undefined || output !== 0) {
        throw new InputError(
          `the model's output ${layer} [${call}, ${output}] is made by no layer`,
        );
      }
      return value;
    });
  }

  /** @returns false where an input is not known yet. */
  #callLayer(
    layer: LayerConfig,
    call: number,
    path: readonly string[],
    values: Map<string, LayerValue>,
  ): boolean {
    const key = callKey(layer.name, call);
    if (values.has(key)) return true;
    const inputs: LayerValue[] = [];
    for (const reference of layer.calls[call] ?? []) {
      const value = values.get(callKey(reference.layer, reference.call));
      if (value === undefined) return false;
      if (reference.output !== 0) {
        throw new InputError(
          `layer ${layer.name}: it reads output ${reference.output} of ${reference.layer}; layers with several outputs are not supported`,
        );
      }
      inputs.push(value);
    }
    // An input that the model does not list feeds nothing that it computes.
    if (inputs.length === 0) return true;
    values.set(key, this.#result(layer, call, [...path, layer.name], inputs));
    return true;
  }

  #result(
    layer: LayerConfig,
    configCall: number,
    path: readonly string[],
    inputs: readonly LayerValue[],
  ): LayerValue {
    if (++this.#calls > MOST_CALLS) {
      throw new InputError(`the model calls its layers more than ${MOST_CALLS} times`);
    }
    const name = path.join("/");
    const record = this.records.get(name) ?? { layer, path, calls: [] };
    this.records.set(name, record);
    if (layer.model !== undefined) {
      const [result, ...others] = this.model(layer.model, path, inputs);
      if (result === undefined || others.length > 0) {
        throw new InputError(
          `layer ${name}: a model with several outputs inside another is not supported`,
        );
      }
      record.calls.push({ call: configCall, places: [], inputs, result });
      return result;
    }
    const rule = layerRule(layer.className);
    if (rule === undefined) throw unknownLayer(layer, name);
    const call = new LayerCall(
      layer,
      path,
      record.calls.length,
      inputs,
      this.builder,
      this.#context,
    );
    const result = call.finish(rule.build(call));
    record.calls.push({ call: configCall, places: call.places, inputs, result });
    return result;
  }

  /** Outputs in the file's order, each under a name of its own. */
  outputs(results: readonly LayerValue[]): ValueInfo[] {
    const seen = new Set<string>();
    return results.map((result) => {
      const stem = result.value;
      let { value } = result;
      if (result.moved && result.shape.length > 2) {
        value = this.#context.turned.get(stem) ?? "";
        if (value === "") value = this.#turnedOutput(result);
      }
      const source = this.builder.nodes.some(({ output }) => output.includes(value));
      if (!source || seen.has(value))
        value = this.builder.add("Identity", [value], { stem: `${stem}/output` });
      seen.add(value);
      const dims = result.shape.map(
        (size, axis) => size ?? (axis === 0 ? "batch" : `${stem}_${axis}`),
      );
      return makeValueInfo(value, result.dataType, dims);
    });
  }

  #turnedOutput({ value, shape }: LayerValue): string {
    const perm = [0, ...shape.slice(2).map((_, axis) => axis + 2), 1];
    const turned = this.builder.add("Transpose", [value], {
      attributes: { perm: { ints: perm } },
      stem: `${value}/turned`,
    });
    this.#context.turned.set(value, turned);
    return turned;
  }
}

function callKey(layer: string, call: number): string {
  return `${call}:${layer}`;
}

function unknownLayer({ className }: LayerConfig, name: string): InputError {
  if (className === "Lambda" || className === "TFOpLambda") {
    return new InputError(
      `layer ${name} is a ${className}, which holds program code; code in a file is never run`,
    );
  }
  return new InputError(`layer ${name} is of class ${className}, which is not supported`);
}
