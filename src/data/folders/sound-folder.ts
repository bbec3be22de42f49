import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { InputError } from "../../graph/input-error.ts";
import type { Dataset } from "../dataset.ts";
import { type DatasetRequest, dataOptions } from "../dataset-request.ts";
import type { SoundForm } from "../sounds/sound-sample.ts";
import { decodeWav, type Sound } from "../sounds/wav.ts";
import { readClassFolders, type SampleFile } from "./class-folders.ts";
import { FileSamples } from "./file-samples.ts";
import { refuseLarge } from "./image-folder.ts";

const SOUND_EXTENSIONS = [".wav"];

/** Numbers of one sample: 2²⁸ bytes. */
const LONGEST_SOUND = 2 ** 26;

/**
 * A folder of WAV files with a folder for each class, in one channel. The rate is what the options say, else the
 * first file's; the length what the options say, else what the model takes, else the first file's.
 */
export async function readSoundFolder(path: string, request: DatasetRequest): Promise<Dataset> {
  const { files, ...classes } = await readClassFolders(path, SOUND_EXTENSIONS);
  refuseLarge(files);
  const [first] = files as readonly [SampleFile];
  const form = soundForm(decodeWav(await readFile(first.path), first.path), request, path);
  const features = new FileSamples(path, files, { kind: "sound", ...form }, form.length);
  return {
    name: basename(path),
    count: files.length,
    sampleShape: [form.length],
    features,
    sampleRate: form.rate,
    ...classes,
  };
}

function soundForm(first: Sound, request: DatasetRequest, path: string): SoundForm {
  const { sampleRate, seconds } = dataOptions(request);
  const rate = Math.round(sampleRate || first.rate);
  const own = Math.ceil((first.values.length * rate) / first.rate);
  const length = seconds > 0 ? Math.round(seconds * rate) : (modelLength(request) ?? own);
  if (length < 1 || length > LONGEST_SOUND) {
    throw new InputError(
      `a sample of ${length} numbers is not read; 1 to ${LONGEST_SOUND} are`,
      path,
    );
  }
  return { rate, length };
}

/** How many numbers the model takes; undefined where it leaves that open. */
function modelLength({ input }: DatasetRequest): number | undefined {
  return input?.sampleShape.reduce<number | undefined>(
    (product, size) => (product === undefined || size === undefined ? undefined : product * size),
    1,
  );
}
