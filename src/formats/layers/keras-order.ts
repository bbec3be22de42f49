import { callKey } from "./call-order.ts";
import type { LayerConfig, ModelConfig } from "./model-config.ts";

/**
 * The layers in the order of Keras' `model.layers`, which decides where a file of Keras has their
 * weights. That of a functional model follows from its graph alone (keras/src/ops/function.py,
 * map_graph): the more steps from a layer to an output, the earlier; among equals, the earlier met on
 * the way back from the outputs.
 */
export function kerasOrder(model: ModelConfig): LayerConfig[] {
  // A Sequential model does not count its InputLayer among its layers.
  if (model.sequential) {
    return model.layers.filter(
      ({ raw, className }) => raw !== undefined && className !== "InputLayer",
    );
  }
  const layers = new Map(model.layers.map((layer) => [layer.name, layer] as const));
  const met = new Map<string, number>();
  const depths = graphDepths(model, layers, met);
  const place = ({ name }: LayerConfig) => met.get(name) ?? -1;
  const depth = ({ name }: LayerConfig) => depths.get(name) ?? 0;
  return [...model.layers].sort((a, b) => depth(b) - depth(a) || place(a) - place(b));
}

interface Call {
  readonly key: string;
  readonly layer: string;
  readonly parents: readonly { readonly layer: string; readonly call: number }[];
}

/** Steps from each layer to the furthest output, counted over all calls of the layer. */
function graphDepths(
  model: ModelConfig,
  layers: ReadonlyMap<string, LayerConfig>,
  met: Map<string, number>,
): Map<string, number> {
  const callDepths = new Map<string, number>();
  const depths = new Map<string, number>();
  for (const { key, layer, parents } of finishedCalls(model, layers, met).reverse()) {
    const depth = Math.max(callDepths.get(key) ?? 0, depths.get(layer) ?? 0);
    depths.set(layer, depth);
    for (const parent of parents) {
      const parentKey = callKey(parent.layer, parent.call);
      callDepths.set(parentKey, Math.max(callDepths.get(parentKey) ?? 0, depth + 1));
    }
  }
  return depths;
}

/** All calls that the outputs need, inputs first, as a search in depth finishes them. */
function finishedCalls(
  model: ModelConfig,
  layers: ReadonlyMap<string, LayerConfig>,
  met: Map<string, number>,
): Call[] {
  const finished: Call[] = [];
  const seen = new Set<string>();
  // Models of thousands of layers in a row would overflow the stack of a recursive search.
  const stack: { call: Call; next: number }[] = [];
  const enter = (layer: string, call: number) => {
    const key = callKey(layer, call);
    if (seen.has(key)) return;
    seen.add(key);
    if (!met.has(layer)) met.set(layer, met.size);
    stack.push({ call: { key, layer, parents: layers.get(layer)?.calls[call] ?? [] }, next: 0 });
  };
  for (const { layer, call } of model.outputs) {
    enter(layer, call);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const parent = top.call.parents[top.next++];
      if (parent !== undefined) enter(parent.layer, parent.call);
      else {
        finished.push(top.call);
        stack.pop();
      }
    }
  }
  return finished;
}

/**
 * The groups of the layers' weights in a .keras file: Keras counts the layers of each class in the
 * model's order, conv2d, conv2d_1, …
 */
export function kerasGroupNames(model: ModelConfig): Map<string, string> {
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const layer of kerasOrder(model)) {
    if (isOperation(layer)) continue;
    const stem = snakeCase(NAMES_IN_CODE[layer.className] ?? layer.className);
    const count = counts.get(stem) ?? 0;
    counts.set(stem, count + 1);
    names.set(layer.name, count === 0 ? stem : `${stem}_${count}`);
  }
  return names;
}

/** Classes that a config calls otherwise than Keras' code, whose names the groups have. */
const NAMES_IN_CODE: Readonly<Record<string, string>> = {
  GroupQueryAttention: "GroupedQueryAttention",
};

/** Functions of keras.ops stand among the layers and are none: files of weights have no group for them. */
export function isOperation({ raw }: LayerConfig): boolean {
  return /^keras\.(src\.)?ops\b/.test(String(raw?.module ?? ""));
}

/** As keras/src/utils/naming.py has it; what is registered by a user has its package in front. */
function snakeCase(className: string): string {
  return (className.split(">").at(-1) ?? "")
    .replace(/\W+/g, "")
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}
