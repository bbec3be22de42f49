import { InputError } from "../../graph/input-error.ts";
import type { TensorReference } from "./inbound.ts";
import type { LayerConfig, ModelConfig } from "./model-config.ts";

/** One call of a layer of a model. */
export interface ModelCall {
  readonly layer: LayerConfig;
  readonly call: number;
  readonly references: readonly TensorReference[];
}

/** Names a call of a layer within its model. */
export function callKey(layer: string, call: number): string {
  return `${call}:${layer}`;
}

interface WaitingCall extends ModelCall {
  readonly position: number;
  /** How many of its references are not made yet. */
  missing: number;
  /** In how many walks through the list of layers it is reached, if each walk calls what it can. */
  round: number;
}

/**
 * The calls of a model's layers, each behind those whose results it reads, in time that grows with
 * their number whichever way they are listed. Layers that stand in such an order already keep it.
 * Calls that read nothing are left out: the model's inputs are given, and another input feeds nothing.
 *
 * @throws InputError naming layers that read what is never made, or each other.
 */
export function callsInOrder(model: ModelConfig): readonly ModelCall[] {
  const given = new Set(model.inputs.map(({ layer }) => callKey(layer, 0)));
  const calls = waitingCalls(model, given);
  const readers = new Map<string, WaitingCall[]>();
  for (const waiting of calls) {
    for (const { layer, call } of waiting.references) {
      const key = callKey(layer, call);
      if (given.has(key)) continue;
      waiting.missing++;
      const known = readers.get(key);
      if (known === undefined) readers.set(key, [waiting]);
      else known.push(waiting);
    }
  }
  const ready = calls.filter(({ missing }) => missing === 0);
  for (const { layer, call, position, round } of ready) {
    for (const reader of readers.get(callKey(layer.name, call)) ?? []) {
      reader.round = Math.max(reader.round, reader.position > position ? round : round + 1);
      if (--reader.missing === 0) ready.push(reader);
    }
  }
  if (ready.length < calls.length) {
    const left = calls.filter(({ missing }) => missing > 0).slice(0, 3);
    const names = left.map(({ layer }) => layer.name);
    throw new InputError(`layers ${names.join(", ")} read what no layer makes, or each other`);
  }
  return ready.sort((a, b) => a.round - b.round || a.position - b.position);
}

function waitingCalls({ layers }: ModelConfig, given: ReadonlySet<string>): WaitingCall[] {
  return layers
    .flatMap((layer) => layer.calls.map((references, call) => ({ layer, call, references })))
    .filter(
      ({ layer, call, references }) =>
        references.length > 0 && !given.has(callKey(layer.name, call)),
    )
    .map((each, position) => ({ ...each, position, missing: 0, round: 0 }));
}
