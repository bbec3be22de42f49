import { type NodeRole, nodeRole, roleList, roleNumber } from "../../../graph/node-role.ts";
import type { NodeCall } from "./node-call.ts";
import type { NodeWriter } from "./node-writer.ts";
import { unwritable } from "./unwritable.ts";
import type { WrittenValue } from "./written-value.ts";

/** The layer of each role of operators/layer-noise.ts, and the field for its strength. */
const LAYERS: ReadonlyMap<string, readonly [className: string, field: string]> = new Map<
  NodeRole,
  readonly [string, string]
>([
  ["shared-dropout", ["Dropout", "rate"]],
  ["added-noise", ["GaussianNoise", "stddev"]],
  ["gaussian-dropout", ["GaussianDropout", "rate"]],
  ["alpha-dropout", ["AlphaDropout", "rate"]],
]);

/** What it does while training is a layer of its own; any other Identity is no layer at all. */
function identity(call: NodeCall): WrittenValue {
  const known = LAYERS.get(nodeRole(call.node) ?? "");
  if (known === undefined) return call.shuffledInput(0);
  const [className, field] = known;
  const strength = roleNumber(call.node, "strength", Number.NaN);
  if (!Number.isFinite(strength)) unwritable(`the ${field} of its noise is no number`);
  const shared = roleList(call.node, "shared");
  const value = call.input(0);
  const noiseShape = value.axes.map((axis) => (shared.includes(axis) ? 1 : null));
  const config = shared.length === 0 ? {} : { noise_shape: noiseShape };
  return call.elementwise(className, value, { [field]: strength, ...config });
}

export const noiseWriters: readonly NodeWriter[] = [{ opTypes: ["Identity"], write: identity }];
