import { InputError } from "../../graph/input-error.ts";
import { isList, isObject, type Json, type JsonObject, shown } from "./json.ts";

/** One tensor: an output of one call of a layer, all counted from 0. */
export interface TensorReference {
  readonly layer: string;
  readonly call: number;
  readonly output: number;
  /** The name of the argument it is passed as; undefined for one that is told by its place. */
  readonly argument?: string;
  /** An argument of the same call that is passed by its place and is no tensor and no number. */
  readonly unfollowed?: string;
  /** Arguments of the same call that are passed by name and are no tensors. */
  readonly options?: Readonly<Record<string, Json>>;
  /** Numbers among the arguments of the same call, in their order. */
  readonly numbers?: readonly number[];
  /** Its sizes with the batch, where the file states them, as Keras 3 does. */
  readonly shape?: readonly (number | null)[];
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
    return inputs.flatMap((input) => [
      reference(input, `${where}: inbound_nodes`),
      ...(isList(input) ? argumentTensors(input[3], where) : []),
    ]);
  });
}

/**
 * The references of a model's inputs or outputs: a list; one without a list around it; or, of models
 * that take or give their tensors by name, an object whose tensors Keras counts in the order of their
 * names (tree.flatten).
 */
export function tensorReferences(value: Json | undefined, where: string): TensorReference[] {
  if (isObject(value)) {
    return Object.keys(value)
      .sort()
      .flatMap((name) => tensorReferences(value[name], `${where}.${name}`));
  }
  if (!isList(value)) return [];
  const list = typeof value[0] === "string" ? [value] : value;
  return list.map((item) => reference(item, where));
}

function reference(value: Json, where: string): TensorReference {
  const [layer, call, output, callArguments] = isList(value) ? value : [];
  if (typeof layer !== "string" || !isIndex(call) || !isIndex(output)) {
    throw new InputError(`${where} has ${shown(value)}; [layer, call, output] is needed`);
  }
  return { layer, call, output, ...namedOptions(callArguments) };
}

function kerasTensors(call: JsonObject, where: string): TensorReference[] {
  const rest = namedOptions(call.kwargs);
  const others: string[] = [];
  const numbers: number[] = [];
  const collect = (value: Json | undefined): TensorReference[] => {
    if (isList(value)) return value.flatMap(collect);
    if (isKerasTensor(value)) return [kerasReference(value, where)];
    if (typeof value === "number") numbers.push(value);
    else if (value !== undefined) others.push(`an argument ${shown(value)}`);
    return [];
  };
  const found = collect(call.args).map((each) => ({ ...each, ...rest }));
  const named = argumentTensors(call.kwargs, where);
  const [first, ...more] = found;
  if (first === undefined) return named;
  const [other] = others;
  const stated = {
    ...first,
    ...(numbers.length > 0 ? { numbers } : {}),
    ...(other === undefined ? {} : { unfollowed: other }),
  };
  return [stated, ...more, ...named];
}

function isKerasTensor(value: Json | undefined): value is { readonly config: JsonObject } {
  return isObject(value) && value.class_name === "__keras_tensor__" && isObject(value.config);
}

function kerasReference({ config }: { readonly config: JsonObject }, where: string) {
  const found = reference(config.keras_history ?? null, `${where}: keras_history`);
  const { shape } = config;
  const sizes = isList(shape) && shape.every((size) => size === null || isIndex(size));
  return sizes ? { ...found, shape: shape as (number | null)[] } : found;
}

/** Tensors among the arguments that are passed by name, such as initial_state. */
function argumentTensors(callArguments: Json | undefined, where: string): TensorReference[] {
  if (!isObject(callArguments)) return [];
  const isPlain = (value: Json): boolean =>
    isList(value) && typeof value[0] === "string" && isIndex(value[1]) && isIndex(value[2]);
  const collect = (value: Json): TensorReference[] => {
    if (isPlain(value)) return [reference(value, where)];
    if (isKerasTensor(value)) return [kerasReference(value, where)];
    return isList(value) ? value.flatMap(collect) : [];
  };
  return Object.entries(callArguments).flatMap(([argument, value]) =>
    collect(value).map((each) => ({ ...each, argument })),
  );
}

/** What a call says by name beside its tensors, without what makes no difference at inference. */
function namedOptions(callArguments: Json | undefined): Pick<TensorReference, "options"> {
  if (!isObject(callArguments)) return {};
  const options = Object.entries(callArguments).filter(([name, value]) => {
    const harmless = HARMLESS_ARGUMENTS.has(name) && value !== true;
    const tensor = isKerasTensor(value) || (isList(value) && !value.includes(null));
    return !harmless && !tensor && value !== null;
  });
  return options.length === 0 ? {} : { options: Object.fromEntries(options) };
}

function isIndex(value: Json | undefined): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 20;
}
