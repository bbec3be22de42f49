import type { Graph } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import type { InputScaling } from "../protocol/training.ts";

/** The entry of an ONNX model's metadata_props that holds an InputScaling as JSON. */
export const INPUT_SCALING_KEY = "normlens.input_scaling";

/** The model with a note of how its input has to be scaled, or without one. */
export function withInputScaling(graph: Graph, scaling: InputScaling | undefined): Graph {
  const metadata = new Map(graph.metadata);
  if (scaling === undefined) metadata.delete(INPUT_SCALING_KEY);
  else metadata.set(INPUT_SCALING_KEY, JSON.stringify(scaling));
  return { ...graph, metadata };
}

/** How a model's input has to be scaled, by its own note; anything may stand in a file. */
export function modelInputScaling({ metadata }: Graph): InputScaling | undefined {
  const note = metadata?.get(INPUT_SCALING_KEY);
  if (note === undefined) return undefined;
  try {
    const { subtract, divide, groupSize } = JSON.parse(note) as Record<string, unknown>;
    const whole = Number.isSafeInteger(groupSize) && Number(groupSize) > 0;
    if (!isNumbers(subtract) || !isNumbers(divide) || !whole) return undefined;
    if (subtract.length !== divide.length || subtract.length === 0 || divide.includes(0)) {
      return undefined;
    }
    return { subtract, divide, groupSize: Number(groupSize) };
  } catch {
    return undefined;
  }
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((number) => Number.isFinite(number));
}

/**
 * The shape, without the batch, in which one number a group broadcasts over a sample; undefined where
 * the groups are no axis of it.
 */
export function groupShape(
  { subtract, groupSize }: InputScaling,
  sampleShape: readonly number[],
): readonly number[] | undefined {
  const groups = subtract.length;
  const ones = sampleShape.map(() => 1);
  if (groups === 1) return ones;
  const axis = sampleShape.findIndex(
    (size, position) =>
      size === groups && elementCount(sampleShape.slice(position + 1)) === groupSize,
  );
  return axis < 0 ? undefined : ones.with(axis, groups);
}

export function inputScalingText({ subtract, divide }: InputScaling): string {
  const [first = 0] = subtract;
  const [divisor = 1] = divide;
  const more = subtract.length > 1 ? ` for the first of ${subtract.length} groups` : "";
  return `(x − ${Number(first.toPrecision(6))})/${Number(divisor.toPrecision(6))}${more}`;
}
