import { InputError } from "../../graph/input-error.ts";
import { startsWith } from "../dataset-reader.ts";
import { decodeJpeg, JPEG_SIGNATURE } from "./jpeg.ts";
import type { Pixels } from "./pixels.ts";
import { decodePng, PNG_SIGNATURE } from "./png.ts";

interface ImageDecoder {
  readonly signature: readonly number[];
  decode(bytes: Uint8Array, file: string): Pixels;
}

/** Adding a format is adding a line, and its extension below. */
const DECODERS: readonly ImageDecoder[] = [
  { signature: PNG_SIGNATURE, decode: decodePng },
  { signature: JPEG_SIGNATURE, decode: decodeJpeg },
];

export const IMAGE_EXTENSIONS = [".png", ".jpg", ".jpeg"];

/** Decodes by content: a JPEG that is called .png is one all the same. */
export function decodeImage(bytes: Uint8Array, file: string): Pixels {
  const decoder = DECODERS.find(({ signature }) => startsWith(bytes, signature));
  if (decoder === undefined) throw new InputError("is neither a PNG nor a JPEG", file);
  return decoder.decode(bytes, file);
}
