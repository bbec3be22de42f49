import { elementCount } from "../../graph/tensor.ts";
import type { SampleView } from "../../protocol/data-report.ts";
import { jsonNumber } from "../../protocol/reports.ts";
import type { Dataset } from "../dataset.ts";
import { layoutOf } from "../folders/image-folder.ts";

/** An image is drawn in at most so many pixels a side. */
const LARGEST_SIDE = 96;

const STRETCHES = 200;

const MOST_NUMBERS = 32;

/** The bounds of all numbers of a data set, which become black and white. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/** What is shown of a sample: an image, the shape of a sound, or its first numbers. */
export function sampleView(dataset: Dataset, sample: Float32Array, range: ValueRange): SampleView {
  const { sampleRate, sampleShape } = dataset;
  if (sampleRate !== undefined) return soundView(sample, sampleRate);
  const form = imageForm(sampleShape);
  if (form !== undefined) return imageView(sample, form, range);
  const values = Array.from(sample.subarray(0, MOST_NUMBERS), jsonNumber);
  return { kind: "numbers", values, count: elementCount(sampleShape) };
}

interface ImageForm {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  /** From one pixel to the next, and from one channel to the next. */
  readonly pixelStep: number;
  readonly channelStep: number;
}

/** How a sample of this shape is an image: [H, W], [C, H, W] or [H, W, C] with one or three channels. */
export function imageForm(shape: readonly number[]): ImageForm | undefined {
  const last = layoutOf({ name: "", sampleShape: shape }) === "NHWC";
  const [channels, height, width] =
    shape.length === 2 ? [1, ...shape] : last ? [shape[2], shape[0], shape[1]] : shape;
  if (shape.length < 2 || shape.length > 3 || !height || !width) return undefined;
  if (channels !== 1 && channels !== 3) return undefined;
  const steps = last
    ? { pixelStep: channels, channelStep: 1 }
    : { pixelStep: 1, channelStep: height * width };
  return { height, width, channels, ...steps };
}

/** Pixels are means of square blocks where the image is larger than what is drawn. */
function imageView(sample: Float32Array, form: ImageForm, { min, max }: ValueRange): SampleView {
  const { channels, pixelStep, channelStep } = form;
  const block = Math.ceil(Math.max(form.height, form.width) / LARGEST_SIDE);
  const [width, height] = [Math.ceil(form.width / block), Math.ceil(form.height / block)];
  const pixels = new Uint8Array(width * height * channels);
  const scale = max > min ? 255 / (max - min) : 0;
  for (let at = 0; at < pixels.length; at++) {
    const channel = at % channels;
    const [x, y] = [Math.floor(at / channels) % width, Math.floor(at / channels / width)];
    let [sum, count] = [0, 0];
    for (let row = y * block; row < Math.min(form.height, (y + 1) * block); row++) {
      for (let column = x * block; column < Math.min(form.width, (x + 1) * block); column++) {
        const index = (row * form.width + column) * pixelStep + channel * channelStep;
        sum += sample[index] as number;
        count++;
      }
    }
    // What is no number is black.
    pixels[at] = Math.round(Math.min(255, Math.max(0, (sum / count - min) * scale))) || 0;
  }
  return { kind: "image", width, height, channels, pixels: Buffer.from(pixels).toString("base64") };
}

function soundView(sample: Float32Array, rate: number): SampleView {
  const stretches = Math.min(STRETCHES, sample.length);
  const edge = (stretch: number) => Math.floor((stretch * sample.length) / stretches);
  const [low, high] = [[] as number[], [] as number[]];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const part = sample.subarray(edge(stretch), edge(stretch + 1));
    low.push(part.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY));
    high.push(part.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY));
  }
  const seconds = sample.length / rate;
  return { kind: "sound", seconds, low: low.map(jsonNumber), high: high.map(jsonNumber) };
}
