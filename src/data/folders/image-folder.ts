import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { InputError } from "../../graph/input-error.ts";
import type { Dataset } from "../dataset.ts";
import { type DatasetRequest, dataOptions, type ModelInput } from "../dataset-request.ts";
import { decodeImage, IMAGE_EXTENSIONS } from "../images/decode-image.ts";
import { type ImageForm, imageShape } from "../images/image-sample.ts";
import type { Pixels } from "../images/pixels.ts";
import { readClassFolders, type SampleFile } from "./class-folders.ts";
import { LARGEST_SAMPLE_FILE } from "./decode-file.ts";
import { FileSamples } from "./file-samples.ts";

/** Numbers of one sample: 2²⁸ bytes. */
const LARGEST_SAMPLE = 2 ** 26;

/**
 * A folder of images with a folder for each class. The size of the samples is what the options say, else
 * what the model takes, else that of the first image.
 */
export async function readImageFolder(path: string, request: DatasetRequest): Promise<Dataset> {
  const { files, ...classes } = await readClassFolders(path, IMAGE_EXTENSIONS);
  refuseLarge(files);
  const [first] = files as readonly [SampleFile];
  const form = imageForm(decodeImage(await readFile(first.path), first.path), request);
  const sampleShape = imageShape(form);
  const size = form.channels * form.height * form.width;
  if (size > LARGEST_SAMPLE) {
    throw new InputError(
      `a sample of ${sampleShape.join("×")} numbers is not read; samples have at most ${LARGEST_SAMPLE}`,
      path,
    );
  }
  const features = new FileSamples(path, files, { kind: "image", ...form }, size);
  return { name: basename(path), count: files.length, sampleShape, features, ...classes };
}

export function refuseLarge(files: readonly SampleFile[]): void {
  const large = files.find(({ bytes }) => bytes > LARGEST_SAMPLE_FILE);
  if (large !== undefined) {
    throw new InputError(
      `has ${large.bytes} bytes; a sample's file has at most ${LARGEST_SAMPLE_FILE}`,
      large.path,
    );
  }
}

function imageForm(first: Pixels, request: DatasetRequest): ImageForm {
  const options = dataOptions(request);
  const layout = options.layout === "auto" ? layoutOf(request.input) : options.layout;
  const input = inputSizes(request.input, layout);
  const own = first.channels >= 3 ? 3 : 1;
  const modelChannels = input.channels === 1 || input.channels === 3 ? input.channels : undefined;
  return {
    layout,
    channels: options.channels === 0 ? (modelChannels ?? own) : options.channels,
    height: options.height || (input.height ?? first.height),
    width: options.width || (input.width ?? first.width),
    range: options.range,
  };
}

/** Channels last where the last size, and not the first, is a number of channels. */
export function layoutOf(input: ModelInput | undefined): "NCHW" | "NHWC" {
  const isChannels = (size: number | undefined) => size === 1 || size === 3;
  const shape = input?.sampleShape ?? [];
  const last = shape.length === 3 && isChannels(shape[2]) && !isChannels(shape[0]);
  return last ? "NHWC" : "NCHW";
}

function inputSizes(
  input: ModelInput | undefined,
  layout: "NCHW" | "NHWC",
): { readonly [size in "channels" | "height" | "width"]?: number | undefined } {
  const shape = input?.sampleShape ?? [];
  if (shape.length === 2) return { channels: 1, height: shape[0], width: shape[1] };
  if (shape.length !== 3) return {};
  const [a, b, c] = shape;
  return layout === "NCHW"
    ? { channels: a, height: b, width: c }
    : { channels: c, height: a, width: b };
}
