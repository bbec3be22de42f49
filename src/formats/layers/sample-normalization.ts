import { knownSize, type LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import { type LayerValue, valueAxis } from "./layer-value.ts";
import { reshaped } from "./weight-layout.ts";

/** The axes of a field that names one or several, counted from 0. */
function statedAxes(call: LayerCall, rank: number): number[] {
  const stated = call.fields.has("axis") ? call.fields.integers("axis") : [-1];
  const axes = stated.map((axis) => (axis < 0 ? axis + rank : axis));
  if (axes.length === 0 || axes.some((axis) => axis < 1 || axis >= rank)) {
    call.fields.refuse("axis", `an axis from 1 to ${rank - 1}`);
  }
  return axes;
}

/**
 * y = γ·(x − μ)/√(σ² + ε) + β, with μ and σ² over the positions and the channels of a group
 * (Wu & He 2018). The groups become the channels of an InstanceNormalization, (N, G, …).
 */
function groupNormalization(call: LayerCall): LayerValue {
  const { fields, input } = call;
  const rank = input.shape.length;
  const [axis = 1, ...others] = statedAxes(call, rank);
  const last = axis === rank - 1;
  if (others.length > 0 || (!last && axis !== 1)) {
    fields.refuse("axis", "the last axis or the first behind the batch");
  }
  const channels = knownSize(call, input.shape[axis], "the number of its input's channels");
  const stated = fields.integer("groups", 32);
  const groups = stated === -1 ? channels : stated;
  if (groups < 1 || channels % groups !== 0) {
    fields.refuse("groups", `a number that divides the ${channels} channels, or -1`);
  }
  const placed = last && rank > 2 ? { ...input, moved: true } : call.inFileOrder(input);
  const x = placed.moved ? call.channelsFirst(input) : placed.value;
  const { builder } = call;
  const fill = (name: string, value: number) =>
    call.fixed(name, [groups], new Array<number>(groups).fill(value));
  const grouped = call.add("groups", "Reshape", [x, builder.ints([0, groups, -1])]);
  const normal = call.add(
    "main",
    "InstanceNormalization",
    [grouped, fill("one", 1), fill("zero", 0)],
    { epsilon: { float: fields.number("epsilon", 1e-3) } },
  );
  const back = call.add("channels", "Reshape", [normal, call.add("shape", "Shape", [x])]);
  const layout = reshaped((dims) => [...dims, ...new Array<number>(rank - 2).fill(1)]);
  const gamma = call.weight("gamma", [channels], { flag: "scale", absent: 1, layout });
  const beta = call.weight("beta", [channels], { flag: "center", absent: 0, layout });
  const scaled = call.add("scale", "Mul", [back, gamma]);
  return { ...placed, value: call.add("shift", "Add", [scaled, beta]) };
}

/** Shorter ones are divided by this, in Keras as here. */
const LEAST_LENGTH = 1e-12;

/** x/‖x‖ along axes of the value. */
export function unitLength(
  call: LayerCall,
  value: string,
  axes: readonly number[],
  part: string,
): string {
  const norm = call.add(`${part}/norm`, "ReduceL2", [value], { axes: { ints: axes } });
  const least = call.builder.scalar(LEAST_LENGTH);
  const length = call.add(`${part}/length`, "Max", [norm, least]);
  return call.add(part, "Div", [value, length]);
}

function unitNormalization(call: LayerCall): LayerValue {
  const { input } = call;
  const axes = statedAxes(call, input.shape.length).map((axis) => valueAxis(input, axis));
  return { ...input, value: unitLength(call, input.value, axes, "main") };
}

/** y = γ·x/√(mean(x²) + ε) over the last axis (Zhang & Sennrich 2019). */
function rootMeanSquare(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const rank = input.shape.length;
  const [axis = rank - 1, ...others] = statedAxes(call, rank);
  if (others.length > 0 || axis !== rank - 1) call.cannotExpress("its axis is not the last one");
  const size = knownSize(call, input.shape[axis], "the size of its input's last axis");
  const square = call.add("square", "Mul", [input.value, input.value]);
  const mean = call.add("mean", "ReduceMean", [square], { axes: { ints: [axis] } });
  const epsilon = call.builder.scalar(call.fields.number("epsilon", 1e-6));
  const root = call.add("root", "Sqrt", [call.add("sum", "Add", [mean, epsilon])]);
  const normal = call.add("normal", "Div", [input.value, root]);
  return { ...input, value: call.add("main", "Mul", [normal, call.weight("scale", [size])]) };
}

export const sampleNormalizationLayers: readonly LayerRule[] = [
  { classNames: ["GroupNormalization"], build: groupNormalization, keepsMask: true },
  { classNames: ["UnitNormalization"], build: unitNormalization, keepsMask: true },
  { classNames: ["RMSNormalization"], build: rootMeanSquare },
];
