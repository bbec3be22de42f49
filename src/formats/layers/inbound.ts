import { InputError } from "../../graph/input-error.ts";
import { isList, isObject, type Json, type JsonObject, shown } from "./json.ts";

/** One tensor: an output of one call of a layer, all counted from 0. */
export interface TensorReference {
  readonly layer: string;
  readonly call: number;
  readonly output: number;
}

/** Call arguments that say nothing about what the layer computes at inference. */
const HARMLESS_ARGUMENTS: ReadonlySet<string> = new Set(["training", "mask", "initial_state"]);

/**
 * The calls of a layer, from inbound_nodes.
 *
 * - Keras 2 and TensorFlow.js: a call is a list of [layer, call, output, arguments]
 * - Keras 3: a call is {args, kwargs}, where tensors are __keras_tensor__ objects that tell
 *   [layer, call, output] as their keras_history, in lists of any depth
 */
export function inboundCalls(value: Json | undefined, where: string): TensorReference[][] {
  if (value === undefined || value === null) return [];
  if (!isList(value)) {
    throw new InputError(`${where}: inbound_nodes is ${shown(value)}; a list is needed`);
  }
  return value.map((call) => {
    if (isObject(call)) return kerasTensors(call, where);
    if (!isList(call)) throw new InputError(`${where}: inbound_nodes has ${shown(call)}`);
    // Some versions leave out the list around a single input.
    const inputs = typeof call[0] === "string" ? [call] : call;
    return inputs.map((input) => reference(input, `${where}: inbound_nodes`));
  });
}

/** A list of references; a single one may stand without the list around it. */
export function tensorReferences(value: Json | undefined, where: string): TensorReference[] {
  if (!isList(value)) return [];
  const list = typeof value[0] === "string" ? [value] : value;
  return list.map((item) => reference(item, where));
}

function reference(value: Json, where: string): TensorReference {
  const [layer, call, output, callArguments] = isList(value) ? value : [];
  if (typeof layer !== "string" || !isIndex(call) || !isIndex(output)) {
    throw new InputError(`${where} has ${shown(value)}; [layer, call, output] is needed`);
  }
  if (isObject(callArguments)) refuseArguments(callArguments, where);
  return { layer, call, output };
}

function kerasTensors(call: JsonObject, where: string): TensorReference[] {
  if (isObject(call.kwargs)) refuseArguments(call.kwargs, where);
  const found: TensorReference[] = [];
  const collect = (value: Json | undefined): void => {
    if (isList(value)) for (const item of value) collect(item);
    else if (isObject(value) && value.class_name === "__keras_tensor__" && isObject(value.config)) {
      found.push(reference(value.config.keras_history ?? null, `${where}: keras_history`));
    } else if (value !== undefined) {
      throw new InputError(`${where}: it is called with ${shown(value)}, which is not a tensor`);
    }
  };
  collect(call.args);
  return found;
}

function refuseArguments(callArguments: JsonObject, where: string): void {
  for (const [name, value] of Object.entries(callArguments)) {
    const harmless = HARMLESS_ARGUMENTS.has(name) && !isList(value) && value !== true;
    if (harmless || value === null) continue;
    throw new InputError(
      `${where}: it is called with ${name} = ${shown(value)}, which NormLens cannot follow`,
    );
  }
}

function isIndex(value: Json | undefined): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 20;
}
