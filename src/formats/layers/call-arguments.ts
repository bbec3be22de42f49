import type { TensorReference } from "./inbound.ts";
import type { Json } from "./json.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";

/** What a call of a layer passes beside the tensors told by their place. */
export interface CallArguments {
  /** Numbers passed by place. */
  readonly numbers: readonly number[];
  /** For each of the call's tensors the name it is passed by; undefined for one told by its place. */
  readonly names: readonly (string | undefined)[];
  /** Other values passed by name. */
  readonly options: Readonly<Record<string, Json>>;
}

export const NO_ARGUMENTS: CallArguments = { numbers: [], names: [], options: {} };

/**
 * The tensors of a call and what else it is called with. A mask that it is called with, as Keras 3
 * states it, becomes that of the first tensor, where the layer does not ask for it by name.
 */
export function calledWith(
  references: readonly TensorReference[],
  inputs: readonly LayerValue[],
  rule: LayerRule | undefined,
): { readonly inputs: readonly LayerValue[]; readonly told: CallArguments } {
  const numbers = references.flatMap((reference) => reference.numbers ?? []);
  const options = Object.assign({}, ...references.map((reference) => reference.options ?? {}));
  const names = references.map(({ argument }) => argument);
  const told = { numbers, names, options };
  const masked = names.indexOf("mask");
  const own = rule?.tensorArguments?.includes("mask");
  if (masked < 0 || own || !rule?.keepsMask || inputs.length < 2) return { inputs, told };
  const mask = inputs[masked]?.value;
  const others = inputs.filter((_, index) => index !== masked);
  const [first, ...rest] = others as [LayerValue, ...LayerValue[]];
  const left = names.filter((_, index) => index !== masked);
  return { inputs: [{ ...first, mask }, ...rest], told: { ...told, names: left } };
}

/** A clause saying which argument the layer's rule does not follow; undefined where it follows all. */
export function unfollowedArgument(
  rule: LayerRule,
  { numbers, names, options }: CallArguments,
  references: readonly TensorReference[],
): string | undefined {
  if (numbers.length > 0 && !rule.takesNumbers) return `it is called with the number ${numbers[0]}`;
  const unfollowed = references.find((reference) => reference.unfollowed !== undefined)?.unfollowed;
  if (unfollowed !== undefined) return `it is called with ${unfollowed}`;
  for (const [name, value] of Object.entries(options)) {
    const known = rule.optionArguments?.includes(name) ?? false;
    if (!known) return `it is called with ${name} = ${JSON.stringify(value)}`;
  }
  const tensor = names.find((name) => name !== undefined && !rule.tensorArguments?.includes(name));
  return tensor === undefined ? undefined : `it is called with a tensor as its ${tensor}`;
}
