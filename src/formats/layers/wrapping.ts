import { Fields } from "./fields.ts";
import { isObject } from "./json.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";
import type { LayerConfig } from "./model-config.ts";
import { runRecurrent } from "./recurrent.ts";

/** The layer that a field of the config holds. */
export function innerLayer(call: LayerCall, field: string): LayerConfig {
  const raw = call.fields.object(field);
  const { class_name: className, config } = raw;
  if (typeof className !== "string" || !isObject(config)) {
    call.fields.refuse(field, "a layer with class_name and config");
  }
  const fields = new Fields(config as LayerConfig["fields"]["config"], call.fields.where);
  const name = fields.string("name", field);
  return { className: className as string, name, fields, calls: [], model: undefined, raw };
}

/** The layer under the name that its weights have in the file. */
function named(call: LayerCall, layer: LayerConfig, names: readonly string[]): LayerConfig {
  const { store } = call.context;
  const stored = names.find((name) => store.find([...call.path, name], "kernel", 0) !== undefined);
  return { ...layer, name: stored ?? names[0] ?? layer.name };
}

const MERGES: Readonly<Record<string, string>> = {
  concat: "Concat",
  sum: "Add",
  ave: "Add",
  mul: "Mul",
};

/** A recurrent layer in both directions; the results of the steps lie in the order of time. */
function bidirectional(call: LayerCall): readonly LayerValue[] {
  const { fields, inputs } = call;
  const layer = innerLayer(call, "layer");
  const plain = layer.name.replace(/^forward_/, "");
  const forward = named(call, layer, [`forward_${plain}`, `forward_${layer.name}`, layer.name]);
  const other = fields.has("backward_layer") ? innerLayer(call, "backward_layer") : layer;
  const otherPlain = other.name.replace(/^(forward|backward)_/, "");
  const backward = named(call, other, [
    `backward_${otherPlain}`,
    `backward_${other.name}`,
    other.name,
  ]);
  const sequences = layer.fields.boolean("return_sequences", false);
  const states = layer.fields.boolean("return_state", false);
  const [input, ...initial] = inputs as [LayerValue, ...LayerValue[]];
  const half = initial.length / 2;
  if (!Number.isInteger(half)) call.refuse(`it gets ${initial.length} initial states`);
  const run = (config: LayerConfig, prefix: string, starts: LayerValue[], backwards: boolean) =>
    runRecurrent(call.wrapped(config, prefix, [input, ...starts]), {
      sequences,
      states,
      backwards,
      // Keras asks for zeros, so that masked steps of both directions can be joined; TensorFlow.js does not.
      zerosWhereMasked: sequences && call.context.dialect !== "tfjs",
    });
  const one = run(forward, "forward", initial.slice(0, half), false);
  const two = run(backward, "backward", initial.slice(half), true);
  const rest = states ? [...one.states, ...two.states] : [];
  const mask = sequences ? input.mask : undefined;
  const [left, right] = [one.result, two.result];
  const mode = fields.value("merge_mode") === undefined ? "concat" : fields.value("merge_mode");
  if (mode === null) return [{ ...left, mask }, { ...right, mask }, ...rest];
  const opType = typeof mode === "string" ? MERGES[mode] : undefined;
  if (opType === undefined) fields.refuse("merge_mode", '"concat", "sum", "ave", "mul" or null');
  const axis = left.shape.length - 1;
  const attributes = opType === "Concat" ? { axis: { int: axis } } : {};
  let value = call.add("merged", opType as string, [left.value, right.value], attributes);
  if (mode === "ave") value = call.add("mean", "Mul", [value, call.builder.scalar(0.5)]);
  const widths = [left, right].map(({ shape }) => Number(shape[axis]));
  const width = opType === "Concat" ? (widths[0] ?? 0) + (widths[1] ?? 0) : (widths[0] ?? 0);
  return [{ ...left, value, mask, shape: [...left.shape.slice(0, -1), width] }, ...rest];
}

/** Layers that act on the last axis or on each element, whatever axes stand in front. */
const ALONG_LAST_AXIS: ReadonlySet<string> = new Set([
  "Dense",
  "Activation",
  "ReLU",
  "LeakyReLU",
  "ELU",
  "Softmax",
  "Dropout",
  "LayerNormalization",
  "BatchNormalization",
]);

/**
 * A layer at each step: the steps count as samples, (N, T, …) as (N·T, …), where the layer would mix
 * them otherwise.
 */
function timeDistributed(call: LayerCall): LayerValue {
  const layer = innerLayer(call, "layer");
  const rule = call.context.rule(layer.className);
  if (rule === undefined) {
    call.cannotExpress(`NormLens does not know the class ${layer.className} inside it`);
  }
  const input = call.inFileOrder(call.input);
  const build = (value: LayerValue) => {
    const built = (rule as LayerRule).build(call.wrapped(layer, layer.name, [value]));
    const [result, ...others] = "value" in built ? [built] : built;
    if (result === undefined || others.length > 0)
      call.cannotExpress("its layer has several results");
    return call.inFileOrder(result as LayerValue);
  };
  if (ALONG_LAST_AXIS.has(layer.className)) return { ...build(input), mask: input.mask };
  const [batch = null, steps = null, ...sample] = input.shape;
  const known = (sizes: readonly (number | null)[]): number[] =>
    sizes.map((size) => size ?? call.cannotExpress("it has an open size besides the batch"));
  const samples = call.builder.ints([-1, ...known(sample)]);
  const apart = call.add("samples", "Reshape", [input.value, samples]);
  const { mask: _, ...plain } = input;
  const result = build({ ...plain, value: apart, shape: [null, ...sample] });
  const [, ...rest] = result.shape;
  const target = call.builder.ints([-1, ...known([steps, ...rest])]);
  const value = call.add("steps", "Reshape", [result.value, target]);
  return { ...result, value, shape: [batch, steps, ...rest], mask: input.mask };
}

export const wrappingLayers: readonly LayerRule[] = [
  {
    classNames: ["Bidirectional"],
    build: bidirectional,
    keepsMask: true,
    anyTimeOrder: true,
    tensorArguments: ["initial_state"],
  },
  { classNames: ["TimeDistributed"], build: timeDistributed, keepsMask: true },
];
