import { readFile } from "node:fs/promises";
import { InputError } from "../../graph/input-error.ts";
import { decodeImage } from "../images/decode-image.ts";
import { type ImageForm, imageSample } from "../images/image-sample.ts";
import { type SoundForm, soundSample } from "../sounds/sound-sample.ts";
import { decodeWav } from "../sounds/wav.ts";

/** What the samples of a folder are and become. */
export type SampleForm =
  | ({ readonly kind: "image" } & ImageForm)
  | ({ readonly kind: "sound" } & SoundForm);

/** A file with one sample is at most this long. */
export const LARGEST_SAMPLE_FILE = 2 ** 28;

/** @throws InputError naming the file that cannot be read as such a sample. */
export async function decodeFile(path: string, form: SampleForm): Promise<Float32Array> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(
      error.code === "ENOENT"
        ? "is gone; the data must stay as it is"
        : `cannot be read: ${error.message}`,
      path,
    );
  });
  return form.kind === "image"
    ? imageSample(decodeImage(bytes, path), form)
    : soundSample(decodeWav(bytes, path), form);
}
