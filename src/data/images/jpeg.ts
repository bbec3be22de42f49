import { decode } from "jpeg-js";
import { InputError } from "../../graph/input-error.ts";
import { MOST_PIXELS, type Pixels } from "./pixels.ts";

export const JPEG_SIGNATURE = [0xff, 0xd8, 0xff];

/** What decoding one image may take; 64 million pixels take about 700 MB. */
const MOST_MEGABYTES = 1024;

/**
 * Decodes a baseline or progressive JPEG to RGB; grey images have three equal channels.
 *
 * The decoder checks the size in the file's header, and the memory it is going to take, before it decodes.
 *
 * @throws InputError naming the file and what is wrong with it.
 */
export function decodeJpeg(bytes: Uint8Array, file: string): Pixels {
  requireEnd(bytes, file);
  try {
    const { width, height, data } = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: MOST_PIXELS / 1e6,
      maxMemoryUsageInMB: MOST_MEGABYTES,
    });
    return { width, height, channels: 3, values: data, white: 255 };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    if (/maxResolution|maxMemory/.test(problem)) {
      throw new InputError(
        `is an image of more than ${MOST_PIXELS} pixels, which is not read`,
        file,
      );
    }
    throw new InputError(`is no valid JPEG: ${problem}`, file);
  }
}

/** The decoder fills up what is missing at the end without a word. */
function requireEnd(bytes: Uint8Array, file: string): void {
  for (let index = bytes.length - 2; index >= 2; index--) {
    if (bytes[index] === 0xff && bytes[index + 1] === 0xd9) return;
  }
  throw new InputError("is a JPEG that is cut off: it has no end (EOI)", file);
}
