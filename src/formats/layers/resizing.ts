import { isList } from "./json.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue, Size } from "./layer-value.ts";
import { imageOf } from "./window.ts";

/** Pairs [before, after] for each axis, from a number, one for each axis, or the pairs themselves. */
function pairs(call: LayerCall, name: string, axes: number): [number, number][] {
  const value = call.fields.value(name) ?? 1;
  const items = isList(value) ? value : Array.from({ length: axes }, () => value);
  // One axis may have its pair without a list around it.
  const list = axes === 1 && items.length === 2 ? [items] : items;
  const all = list.map((item) => (isList(item) ? item : [item, item]));
  const valid = all.every(
    (pair) =>
      pair.length === 2 && pair.every((size) => Number.isInteger(size) && Number(size) >= 0),
  );
  if (all.length !== axes || !valid)
    call.fields.refuse(name, `two whole numbers for each of ${axes} axes`);
  return all as [number, number][];
}

function zeroPadding(axes: number): (call: LayerCall) => LayerValue {
  return (call) => {
    const image = imageOf(call, axes);
    const padding = pairs(call, "padding", axes);
    const pads = [
      0,
      0,
      ...padding.map(([before]) => before),
      0,
      0,
      ...padding.map(([, after]) => after),
    ];
    const value = call.add("main", "Pad", [image.value, call.builder.ints(pads)]);
    const positions = image.positions.map((size, axis): Size => {
      const [before = 0, after = 0] = padding[axis] ?? [];
      return size === null ? null : size + before + after;
    });
    return image.result(value, image.channels, positions);
  };
}

function cropping(axes: number): (call: LayerCall) => LayerValue {
  return (call) => {
    const image = imageOf(call, axes);
    const cut = pairs(call, "cropping", axes);
    const starts = cut.map(([before]) => before);
    // An end past the last position means all of them.
    const ends = cut.map(([, after]) => (after === 0 ? 2 ** 31 - 1 : -after));
    const places = cut.map((_, axis) => axis + 2);
    const { builder } = call;
    const bounds = [builder.ints(starts), builder.ints(ends), builder.ints(places)];
    const value = call.add("main", "Slice", [image.value, ...bounds]);
    const positions = image.positions.map((size, axis): Size => {
      const [before = 0, after = 0] = cut[axis] ?? [];
      return size === null ? null : size - before - after;
    });
    return image.result(value, image.channels, positions);
  };
}

/** Nearest repeats each position; bilinear interpolates between the centres of positions. */
function upSampling(axes: number): (call: LayerCall) => LayerValue {
  return (call) => {
    const image = imageOf(call, axes);
    const factors = call.fields.sizes("size", axes, 2);
    const interpolation = call.fields.string("interpolation", "nearest");
    if (interpolation !== "nearest" && (interpolation !== "bilinear" || axes !== 2)) {
      call.fields.refuse("interpolation", axes === 2 ? '"nearest" or "bilinear"' : '"nearest"');
    }
    const scales = call.constant("scales", [axes + 2], [1, 1, ...factors]);
    const nearest = interpolation === "nearest";
    // TensorFlow.js reads position ⌊i / s⌋ or i / s; Keras ⌊i / s⌋ or (i + ½) / s − ½.
    const value = call.add("main", "Resize", [image.value, "", scales], {
      mode: { string: nearest ? "nearest" : "linear" },
      coordinate_transformation_mode: {
        string: nearest || call.context.dialect === "tfjs" ? "asymmetric" : "half_pixel",
      },
      ...(nearest ? { nearest_mode: { string: "floor" } } : {}),
    });
    const positions = image.positions.map((size, axis) =>
      size === null ? null : size * (factors[axis] ?? 1),
    );
    return image.result(value, image.channels, positions);
  };
}

export const resizingLayers: readonly LayerRule[] = [1, 2, 3].flatMap((axes): LayerRule[] => [
  { classNames: [`ZeroPadding${axes}D`], build: zeroPadding(axes) },
  { classNames: [`Cropping${axes}D`], build: cropping(axes) },
  { classNames: [`UpSampling${axes}D`], build: upSampling(axes) },
]);
