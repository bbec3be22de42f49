import type { Dimension } from "../../../graph/builder.ts";
import type { NodeCall } from "./node-call.ts";
import { unwritable } from "./unwritable.ts";
import { layerSizes, type WrittenValue } from "./written-value.ts";

/**
 * A value without what lies before and behind on one axis. Cropping2D cuts two neighbouring axes of
 * four, the last two with its channels first, so that every axis can be cut without moving it.
 */
export function cropped(
  call: NodeCall,
  value: WrittenValue,
  axis: number,
  before: number,
  after: number,
): WrittenValue {
  if (before === 0 && after === 0) return value;
  const place = value.axes.indexOf(axis);
  if (place < 0) unwritable("it leaves out everything of an axis of size 1");
  if (place === 0) unwritable("it takes part of the batch");
  const size = value.shape[axis];
  if (typeof size !== "number") unwritable("it cuts an axis of open size");
  const left = size - before - after;
  if (left < 1) unwritable("it leaves nothing of an axis");
  const sizes = layerSizes(value);
  const shape = value.shape.with(axis, left);
  const direct = sizes.length === 4;
  const seen = direct ? sizes : asImage(sizes, place);
  const cut = direct ? place : 2;
  const last = cut === 3;
  const pair = [before, after];
  const layer = call.list.add({
    className: "Cropping2D",
    stem: `${call.stem}_crop`,
    config: {
      cropping: cut === 1 ? [pair, [0, 0]] : [[0, 0], pair],
      data_format: last ? "channels_first" : "channels_last",
    },
    inputs: [call.list.reshape(value.layer, seen)],
    shape: seen.with(cut, left),
  });
  return { ...value, layer: call.list.reshape(layer, sizes.with(place, left)), shape };
}

/** (N, all before, the axis, all behind). */
function asImage(sizes: readonly Dimension[], place: number): Dimension[] {
  const [batch = "N"] = sizes;
  return [batch, joined(sizes.slice(1, place)), sizes[place] ?? 1, joined(sizes.slice(place + 1))];
}

/** One open size may stand alone. */
export function joined(sizes: readonly Dimension[]): Dimension {
  const known = sizes.filter((size) => typeof size === "number");
  const total = known.reduce((all, size) => all * size, 1);
  if (known.length === sizes.length) return total;
  const open = sizes.filter((size) => typeof size !== "number");
  return open.length === 1 && total === 1 ? (open[0] as Dimension) : "?";
}
