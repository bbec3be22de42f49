import type { Pixels } from "./pixels.ts";
import { type Plane, resizePlane } from "./resize.ts";

/** What an image becomes as a sample. */
export interface ImageForm {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly layout: "NCHW" | "NHWC";
  /** What black and white become. */
  readonly range: readonly [black: number, white: number];
}

export function imageShape({ layout, channels, height, width }: ImageForm): readonly number[] {
  return layout === "NCHW" ? [channels, height, width] : [height, width, channels];
}

/** The numbers of a sample. Alpha is left out; the channels are changed first, then the size, then the range. */
export function imageSample(pixels: Pixels, form: ImageForm): Float32Array {
  const { height, width, channels, layout, range } = form;
  const [black, white] = range;
  const scale = (white - black) / pixels.white;
  const size = height * width;
  const sample = new Float32Array(channels * size);
  for (const [channel, plane] of planesOf(pixels, channels).entries()) {
    const { values } = resizePlane(plane, height, width);
    const [start, step] = layout === "NCHW" ? [channel * size, 1] : [channel, channels];
    for (let index = 0; index < size; index++) {
      sample[start + index * step] = black + scale * (values[index] as number);
    }
  }
  return sample;
}

function planesOf(pixels: Pixels, channels: 1 | 3): readonly Plane[] {
  const colours = pixels.channels >= 3 ? 3 : 1;
  if (channels === 3) {
    const each = Array.from({ length: colours }, (_, channel) => plane(pixels, channel));
    return colours === 3 ? each : [each[0] as Plane, each[0] as Plane, each[0] as Plane];
  }
  return [colours === 1 ? plane(pixels, 0) : luma(pixels)];
}

function plane({ width, height, channels, values: all }: Pixels, channel: number): Plane {
  const values = new Float32Array(width * height);
  for (let index = 0; index < values.length; index++) {
    values[index] = all[index * channels + channel] as number;
  }
  return { width, height, values };
}

/** Rec. ITU-R BT.601: Y = 0.299·R + 0.587·G + 0.114·B. */
function luma({ width, height, channels, values: all }: Pixels): Plane {
  const values = new Float32Array(width * height);
  for (let index = 0; index < values.length; index++) {
    const start = index * channels;
    values[index] =
      0.299 * (all[start] as number) +
      0.587 * (all[start + 1] as number) +
      0.114 * (all[start + 2] as number);
  }
  return { width, height, values };
}
